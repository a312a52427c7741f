internal import CMicroHTTPD

/// The requests that the callbacks have received.
final class Inbox {
    let bodyLimit: Int
    /// Whether the server accepts no more requests.
    var isClosed = false
    var requests: [HTTPDaemon.RequestID: PendingRequest] = [:]
    var connections = OpenConnections()
    private var whole: [(HTTPDaemon.RequestID, HTTPRequest)] = []
    private var nextID: HTTPDaemon.RequestID = 0

    init(bodyLimit: Int) { self.bodyLimit = bodyLimit }

    func register(_ request: PendingRequest) -> HTTPDaemon.RequestID {
        defer { nextID += 1 }
        requests[nextID] = request
        return nextID
    }

    func deliver(_ id: HTTPDaemon.RequestID, _ request: HTTPRequest) { whole.append((id, request)) }

    func takeRequests() -> [(HTTPDaemon.RequestID, HTTPRequest)] {
        defer { whole = [] }
        return whole
    }
}

/// One request and its answer, from the request line to the last byte.
@safe final class PendingRequest {
    enum Phase { case reading, refused, handled }

    let target: String
    var id: HTTPDaemon.RequestID = 0
    var phase = Phase.reading
    var isNew = true
    var headers = HTTPHeaders()
    var body: [UInt8] = []
    /// The bytes of a refused body that have arrived.
    var surplus = 0
    var response: HTTPResponse?
    /// The connection while it is suspended. Only an answer, or the next part of its body, ends the suspension.
    var connection: OpaquePointer?
    /// Whether the connection is suspended until the next part of its answer's body.
    private var isStalled = false

    init(target: String) { self.target = target }

    /// Resumes the connection, so the library gets the answer. Does nothing if the connection is not suspended.
    func answer(_ response: HTTPResponse) {
        guard let connection = unsafe connection, self.response == nil else { return }
        self.response = response
        unsafe MHD_resume_connection(connection)
    }

    /// Suspends the connection until the stream of its answer has a part.
    func stall() {
        guard let connection = unsafe connection, !isStalled else { return }
        isStalled = true
        unsafe MHD_suspend_connection(connection)
    }

    /// Resumes the connection if it is suspended until the next part of the body.
    func resumeStream() {
        guard isStalled, let connection = unsafe connection else { return }
        isStalled = false
        unsafe MHD_resume_connection(connection)
    }
}
