internal import CMicroHTTPD
internal import Glibc
internal import LinuxIO
internal import Telemetry

/// libmicrohttpd, driven from outside.
///
/// Safe, because this is the only file that says `MHD_`, and every call is made under one
/// lock. The library calls back only from inside such a call, so what the callbacks touch,
/// ``Inbox``, is under that lock as well.
final class HTTPDaemon: Sendable {
    /// Names a request that waits for its answer.
    typealias RequestID = UInt64

    private let state: Lock<Engine>

    /// - Throws: ``HTTPServer/UnusableCertificate``.
    init(_ limits: HTTPServer.Limits, _ tls: HTTPServer.TLS?) throws(HTTPServer.UnusableCertificate) {
        state = Lock(try Engine(limits, tls))
    }

    /// What to watch for reading; it stays the daemon's.
    var pollDescriptor: CInt { state.withLock { unsafe cmhd_epoll_descriptor($0.daemon) } }

    /// Serves a connection; if there are too many, an idle one is closed for it. False when all of them are busy.
    func adopt(_ connection: consuming OwnedFD) -> Bool {
        let number = connection.disowned()
        return state.withLock { engine in
            // The library closes the descriptor, also when it refuses it.
            engine.makeRoom() ? unsafe cmhd_add(engine.daemon, number) == .YES : Glibc.close(number) != 0
        }
    }

    /// Does all that can be done now: the requests that are complete, and the longest time to wait before the next
    /// call.
    func run() -> (requests: [(RequestID, HTTPRequest)], wait: Duration?) {
        state.withLock { engine in
            unsafe MHD_run(engine.daemon)
            let requests = engine.inbox.takeRequests()
            var milliseconds: UInt64 = 0
            guard unsafe MHD_get_timeout(engine.daemon, &milliseconds) == .YES else { return (requests, nil) }
            return (requests, .milliseconds(Int64(clamping: milliseconds)))
        }
    }

    /// Answers a request, if its connection still lives.
    func answer(_ id: RequestID, _ response: HTTPResponse) {
        state.withLock { engine in
            engine.inbox.requests[id]?.answer(response)
        }
    }

    /// Closes every connection; requests without an answer get a 503.
    func stop() { state.withLock { $0.stop() } }
}

/// The library's daemon, stopped with its owner.
@safe private struct Engine: ~Copyable {
    let inbox: Inbox
    private let connectionLimit: Int
    private(set) var handle: OpaquePointer?

    /// Connections beyond the limit that the library may have, which have been ended but not yet been closed.
    private static let closing = 8

    var daemon: OpaquePointer? { unsafe handle }

    init(_ limits: HTTPServer.Limits, _ tls: HTTPServer.TLS?) throws(HTTPServer.UnusableCertificate) {
        inbox = Inbox(bodyLimit: limits.bodyBytes)
        connectionLimit = limits.connections
        // The inbox outlives the daemon: both are this value's, and the daemon is stopped first.
        let context = unsafe Unmanaged.passUnretained(inbox).toOpaque()
        unsafe handle = withTexts(tls?.certificate, tls?.key.reveal()) { certificate, key in
            unsafe cmhd_start(
                UInt32(clamping: limits.connections + Engine.closing), limits.headerBytes,
                UInt32(clamping: limits.idleTimeout.components.seconds), certificate, key, context, begin, receive,
                complete, openOrClose)
        }
        guard unsafe handle == nil else { return }
        // Otherwise it fails for lack of memory or descriptors, before anything was served.
        precondition(tls != nil, "libmicrohttpd does not start")
        throw HTTPServer.UnusableCertificate()
    }

    /// Closes the connection that is idle longest if the limit is reached; returns whether there is room for one more.
    func makeRoom() -> Bool {
        if inbox.connections.count < connectionLimit { return true }
        guard let idlest = inbox.connections.idlest else { return false }
        // The descriptor is the library's, which sees an end and closes it.
        _ = shutdown(idlest, CInt(SHUT_RDWR))
        unsafe MHD_run(daemon)
        return inbox.connections.count < connectionLimit + Engine.closing
    }

    mutating func stop() {
        guard let daemon = unsafe handle else { return }
        inbox.isClosed = true
        for request in inbox.requests.values { request.answer(.text("the server has stopped\n", status: 503)) }
        unsafe MHD_run(daemon)  // What was answered last is no longer suspended, as stopping demands.
        unsafe MHD_stop_daemon(daemon)
        unsafe handle = nil
    }

    deinit { if let handle = unsafe handle { unsafe MHD_stop_daemon(handle) } }
}

/// Where the callbacks leave requests.
private final class Inbox {
    let bodyLimit: Int
    /// Whether the server takes no more requests.
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

/// One request and its answer, from the first line to the last byte.
@safe private final class PendingRequest {
    enum Phase { case reading, refused, handled }

    let target: String
    var id: HTTPDaemon.RequestID = 0
    var phase = Phase.reading
    var isNew = true
    var headers = HTTPHeaders()
    var body: [UInt8] = []
    /// How much of a refused body has come.
    var surplus = 0
    var response: HTTPResponse?
    /// Set while the connection is suspended, when nothing but our answer ends it.
    var connection: OpaquePointer?

    init(target: String) { self.target = target }

    /// Wakes the connection, for the library to fetch the answer; nothing when it is not suspended.
    func answer(_ response: HTTPResponse) {
        guard let connection = unsafe connection, self.response == nil else { return }
        self.response = response
        unsafe MHD_resume_connection(connection)
    }
}

private func peer(of connection: OpaquePointer?) -> String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
        guard let start = text.baseAddress, let digits = unsafe cmhd_peer(connection, start) else { return "" }
        return unsafe String(cString: digits)
    }
}

/// Lends out two texts for C, or no text.
private func withTexts<Result>(
    _ first: String?, _ second: String?, _ body: (UnsafePointer<CChar>?, UnsafePointer<CChar>?) -> Result
) -> Result {
    guard let first, let second else { return body(nil, nil) }
    return unsafe first.withCString { first in unsafe second.withCString { unsafe body(first, $0) } }
}

/// A request line has come: the target as sent, before the library decodes it.
private func begin(
    _ context: UnsafeMutableRawPointer?, _ target: UnsafePointer<CChar>?, _ connection: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context, let target = unsafe target else { return nil }
    let inbox = unsafe Unmanaged<Inbox>.fromOpaque(context).takeUnretainedValue()
    let request = unsafe PendingRequest(target: String(cString: target))
    request.id = inbox.register(request)
    // Given back in `complete`, which the library calls once for each call of this.
    return unsafe Unmanaged.passRetained(request).toOpaque()
}

/// The header has come, a part of the body, all of it, or our answer.
private func receive(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?, _ url: UnsafePointer<CChar>?,
    _ method: UnsafePointer<CChar>?, _ version: UnsafePointer<CChar>?, _ data: UnsafePointer<CChar>?,
    _ size: UnsafeMutablePointer<Int>?, _ slot: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let context = unsafe context, let method = unsafe method, let size = unsafe size,
        let pointer = unsafe slot?.pointee
    else { return .NO }
    let inbox = unsafe Unmanaged<Inbox>.fromOpaque(context).takeUnretainedValue()
    let request = unsafe Unmanaged<PendingRequest>.fromOpaque(pointer).takeUnretainedValue()
    if request.isNew {
        request.isNew = false
        unsafe MHD_get_connection_values_n(connection, .HEADER_KIND, collect, pointer)
        // Refused now, so that the body need not be sent; the library refuses a length that is not a number.
        let length = request.headers["Content-Length"].flatMap { Int($0) } ?? 0
        return length > inbox.bodyLimit ? unsafe send(tooLarge, on: connection) : .YES
    }
    if let data = unsafe data, unsafe size.pointee > 0 {
        guard request.phase == .reading, unsafe request.body.count + size.pointee <= inbox.bodyLimit else {
            // Only a body of unknown length comes here. It is read on, so that the client hears
            // why before it sees the end, but not without limit.
            request.phase = .refused
            request.body = []
            unsafe request.surplus += size.pointee
            unsafe size.pointee = 0
            return request.surplus <= 8 * inbox.bodyLimit ? .YES : .NO
        }
        unsafe request.body.append(contentsOf: UnsafeRawBufferPointer(start: data, count: size.pointee))
        unsafe size.pointee = 0
        return .YES
    }
    let key = UInt(bitPattern: connection)
    if let response = request.response {
        inbox.connections.end(key)
        // Without an answer the library closes the connection.
        return response == .disconnect ? .NO : unsafe send(response, on: connection)
    }
    switch request.phase {
    case .refused: return unsafe send(tooLarge, on: connection)
    case .handled: return .NO  // Resumed without an answer, which does not happen.
    case .reading where inbox.isClosed: return .NO
    case .reading:
        request.phase = .handled
        inbox.connections.begin(key)
        unsafe request.connection = connection
        unsafe MHD_suspend_connection(connection)
        let whole = unsafe HTTPRequest(
            method: String(cString: method), target: request.target, headers: request.headers, body: request.body,
            peer: peer(of: connection))
        request.body = []
        inbox.deliver(request.id, whole)
        return .YES
    }
}

/// One header field of the request that is the context.
private func collect(
    _ context: UnsafeMutableRawPointer?, _ kind: MHD_ValueKind, _ name: UnsafePointer<CChar>?, _ nameSize: Int,
    _ value: UnsafePointer<CChar>?, _ valueSize: Int
) -> MHD_Result {
    guard let context = unsafe context, let name = unsafe name else { return .YES }
    let request = unsafe Unmanaged<PendingRequest>.fromOpaque(context).takeUnretainedValue()
    request.headers.add(
        unsafe String(decoding: UnsafeRawBufferPointer(start: name, count: nameSize), as: UTF8.self),
        unsafe String(
            decoding: UnsafeRawBufferPointer(start: value, count: unsafe value == nil ? 0 : valueSize), as: UTF8.self))
    return .YES
}

/// A connection has been opened, or is about to be closed.
private func openOrClose(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
    _ slot: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ event: MHD_ConnectionNotificationCode
) {
    guard let context = unsafe context else { return }
    let inbox = unsafe Unmanaged<Inbox>.fromOpaque(context).takeUnretainedValue()
    let key = UInt(bitPattern: connection)
    if cmhd_is_opened(event) == 1 {
        inbox.connections.open(key, descriptor: unsafe cmhd_descriptor(connection))
    } else {
        inbox.connections.close(key)
    }
}

/// A request is over, answered or not.
private func complete(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
    _ slot: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ reason: MHD_RequestTerminationCode
) {
    guard let context = unsafe context, let pointer = unsafe slot?.pointee else { return }
    let request = unsafe Unmanaged<PendingRequest>.fromOpaque(pointer).takeRetainedValue()
    unsafe request.connection = nil
    unsafe Unmanaged<Inbox>.fromOpaque(context).takeUnretainedValue().requests[request.id] = nil
    unsafe slot?.pointee = nil
}

private let tooLarge = HTTPResponse.text("the body is too large\n", status: 413)

/// Hands a response to the library; `MHD_NO` makes it close the connection.
private func send(_ response: HTTPResponse, on connection: OpaquePointer?) -> MHD_Result {
    let answer = unsafe response.body.withUnsafeBytes { body in
        // The library copies the bytes, and so does not write to them.
        unsafe MHD_create_response_from_buffer(
            body.count, UnsafeMutableRawPointer(mutating: body.baseAddress), .RESPMEM_MUST_COPY)
    }
    guard let answer = unsafe answer else { return .NO }
    defer { unsafe MHD_destroy_response(answer) }  // It is counted, and lives until it is sent.
    for (name, value) in response.headers.fields {
        // What cannot be a header - a line break - is left out rather than sent.
        unsafe MHD_add_response_header(answer, name, value)
    }
    return unsafe MHD_queue_response(connection, UInt32(clamping: response.status), answer)
}
