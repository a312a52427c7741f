internal import CMicroHTTPD
internal import Glibc
internal import LinuxIO
internal import Telemetry

/// libmicrohttpd. The owner calls it when its descriptor is ready or a timer expires.
///
/// It is safe, because only this file and ``PendingRequest`` call `MHD_` functions, and make every call under one lock. The library invokes
/// callbacks only during such a call, so the same lock protects ``Inbox``, which the callbacks use.
final class HTTPDaemon: Sendable {
    /// Names a request that waits for its answer.
    typealias RequestID = UInt64

    private let state: Lock<Engine>

    /// - Throws: ``HTTPServer/UnusableCertificate``.
    init(_ limits: HTTPServer.Limits, _ tls: HTTPServer.TLS?) throws(HTTPServer.UnusableCertificate) {
        state = Lock(try Engine(limits, tls))
    }

    /// The descriptor to watch for reading. The daemon owns it.
    var pollDescriptor: CInt { state.withLock { unsafe cmhd_epoll_descriptor($0.daemon) } }

    /// Serves a connection. At the limit, it closes an idle connection first; false if all connections are busy.
    func adopt(_ connection: consuming OwnedFD) -> Bool {
        let number = connection.disowned()
        return state.withLock { engine in
            // The library closes the descriptor, also when it refuses the connection.
            engine.makeRoom() ? unsafe cmhd_add(engine.daemon, number) == .YES : Glibc.close(number) != 0
        }
    }

    /// Does all work that is possible now. Returns the complete requests, and the longest time to wait until the next
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

    /// Answers a request, if its connection is still open.
    func answer(_ id: RequestID, _ response: HTTPResponse) {
        state.withLock { engine in
            engine.inbox.requests[id]?.answer(response)
        }
    }

    /// Continues to send the stream of an answer, if the connection waits for its next part.
    func resume(_ id: RequestID) {
        state.withLock { $0.inbox.requests[id]?.resumeStream() }
    }

    /// Closes all connections; requests without an answer get a 503.
    func stop() { state.withLock { $0.stop() } }
}

/// The library's daemon. It stops when its owner is destroyed.
@safe private struct Engine: ~Copyable {
    let inbox: Inbox
    private let connectionLimit: Int
    private(set) var handle: OpaquePointer?

    /// The number of connections that the library may have above the limit. They are shut down, but not yet closed.
    private static let closing = 8

    var daemon: OpaquePointer? { unsafe handle }

    init(_ limits: HTTPServer.Limits, _ tls: HTTPServer.TLS?) throws(HTTPServer.UnusableCertificate) {
        inbox = Inbox(bodyLimit: limits.bodyBytes)
        connectionLimit = limits.connections
        // The inbox lives longer than the daemon: this value owns both, and stops the daemon first.
        let context = unsafe Unmanaged.passUnretained(inbox).toOpaque()
        unsafe handle = withTexts(tls?.certificate, tls?.key.reveal()) { certificate, key in
            unsafe cmhd_start(
                UInt32(clamping: limits.connections + Engine.closing), limits.headerBytes,
                UInt32(clamping: limits.idleTimeout.components.seconds), certificate, key, context, begin, receive,
                complete, openOrClose)
        }
        guard unsafe handle == nil else { return }
        // Without TLS it fails only when memory or descriptors have run out, before the first connection.
        precondition(tls != nil, "libmicrohttpd does not start")
        throw HTTPServer.UnusableCertificate()
    }

    /// At the limit, closes the connection that is idle for the longest time; returns whether one more is possible.
    func makeRoom() -> Bool {
        if inbox.connections.count < connectionLimit { return true }
        guard let idlest = inbox.connections.idlest else { return false }
        // The library owns the descriptor. It reads the end and closes the descriptor.
        _ = shutdown(idlest, CInt(SHUT_RDWR))
        unsafe MHD_run(daemon)
        return inbox.connections.count < connectionLimit + Engine.closing
    }

    mutating func stop() {
        guard let daemon = unsafe handle else { return }
        inbox.isClosed = true
        for request in inbox.requests.values {
            request.answer(.text("the server has stopped\n", status: 503))
            // Ends the stream; `finish` would call this daemon, whose lock is held.
            request.response?.stream?.close()
            request.resumeStream()
        }
        unsafe MHD_run(daemon)  // Resumes the last answered connections, because MHD_stop_daemon requires it.
        unsafe MHD_stop_daemon(daemon)
        unsafe handle = nil
    }

    deinit { if let handle = unsafe handle { unsafe MHD_stop_daemon(handle) } }
}

private func peer(of connection: OpaquePointer?) -> String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
        guard let start = text.baseAddress, let digits = unsafe cmhd_peer(connection, start) else { return "" }
        return unsafe String(cString: digits)
    }
}

/// Passes two texts, or none, to a C function.
private func withTexts<Result>(
    _ first: String?, _ second: String?, _ body: (UnsafePointer<CChar>?, UnsafePointer<CChar>?) -> Result
) -> Result {
    guard let first, let second else { return body(nil, nil) }
    return unsafe first.withCString { first in unsafe second.withCString { unsafe body(first, $0) } }
}

/// Handles a request line. The library has not yet decoded its target.
private func begin(
    _ context: UnsafeMutableRawPointer?, _ target: UnsafePointer<CChar>?, _ connection: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context, let target = unsafe target else { return nil }
    let inbox = unsafe Unmanaged<Inbox>.fromOpaque(context).takeUnretainedValue()
    let request = unsafe PendingRequest(target: String(cString: target))
    request.id = inbox.register(request)
    // `complete` releases the object. The library calls `complete` once for each call of this function.
    return unsafe Unmanaged.passRetained(request).toOpaque()
}

/// Handles the header, a part of the body, the end of the body, and the answer.
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
        // The refusal comes before the body is sent. The library refuses a length that is not a number.
        let length = request.headers["Content-Length"].flatMap { Int($0) } ?? 0
        return length > inbox.bodyLimit ? unsafe send(tooLarge, on: connection) : .YES
    }
    if let data = unsafe data, unsafe size.pointee > 0 {
        guard request.phase == .reading, unsafe request.body.count + size.pointee <= inbox.bodyLimit else {
            // Only a body of unknown length gets here. The server reads a limited part of the rest, so the client
            // receives the reason before the end of the connection.
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
        return response == .disconnect ? .NO : unsafe send(response, on: connection, of: request)
    }
    switch request.phase {
    case .refused: return unsafe send(tooLarge, on: connection)
    case .handled: return .NO  // The connection was resumed without an answer. This does not happen.
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

/// Adds one header field to the request in the context.
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

/// Records that a connection was opened, or will be closed.
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

/// Handles the end of a request, with or without an answer.
private func complete(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?,
    _ slot: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ reason: MHD_RequestTerminationCode
) {
    guard let context = unsafe context, let pointer = unsafe slot?.pointee else { return }
    let request = unsafe Unmanaged<PendingRequest>.fromOpaque(pointer).takeRetainedValue()
    unsafe request.connection = nil
    request.response?.stream?.close()
    unsafe Unmanaged<Inbox>.fromOpaque(context).takeUnretainedValue().requests[request.id] = nil
    unsafe slot?.pointee = nil
}

private let tooLarge = HTTPResponse.text("the body is too large\n", status: 413)

/// Passes a response to the library; `MHD_NO` makes the library close the connection.
private func send(
    _ response: HTTPResponse, on connection: OpaquePointer?, of request: PendingRequest? = nil
) -> MHD_Result {
    let answer =
        unsafe request.flatMap { unsafe streamed(response, $0) }
        ?? response.body.withUnsafeBytes { body in
            // The library copies the bytes, so it does not write to them.
            unsafe MHD_create_response_from_buffer(
                body.count, UnsafeMutableRawPointer(mutating: body.baseAddress), .RESPMEM_MUST_COPY)
        }
    guard let answer = unsafe answer else { return .NO }
    // The library counts references, so the response lives until it is sent.
    defer { unsafe MHD_destroy_response(answer) }
    for (name, value) in response.headers.fields {
        // A field that is not valid, such as one with a line break, is left out.
        unsafe MHD_add_response_header(answer, name, value)
    }
    return unsafe MHD_queue_response(connection, UInt32(clamping: response.status), answer)
}

/// An answer whose body comes from a stream; nil if the response has none. `complete` comes after its last use of
/// `request`.
private func streamed(_ response: HTTPResponse, _ request: PendingRequest) -> OpaquePointer? {
    guard response.stream != nil else { return nil }
    return unsafe MHD_create_response_from_callback(
        UInt64.max, 32 << 10, nextPart, Unmanaged.passUnretained(request).toOpaque(), nil)
}

/// Gives the library the next part of a stream, or suspends the connection until there is one.
private func nextPart(
    _ context: UnsafeMutableRawPointer?, _ position: UInt64, _ buffer: UnsafeMutablePointer<CChar>?, _ room: Int
) -> Int {
    guard let context = unsafe context, let buffer = unsafe buffer else { return -1 }
    let request = unsafe Unmanaged<PendingRequest>.fromOpaque(context).takeUnretainedValue()
    guard let part = request.response?.stream?.take(upTo: room) else { return -1 }
    if part.isEmpty { request.stall() }
    unsafe UnsafeMutableRawBufferPointer(start: buffer, count: room).copyBytes(from: part)
    return part.count
}
