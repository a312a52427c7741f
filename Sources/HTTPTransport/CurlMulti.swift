internal import CCurl
internal import LinuxIO
internal import Telemetry

/// libcurl's multi handle. The owner calls it when a descriptor is ready or a timer expires.
///
/// It is safe, because only this file calls `curl_` functions, and the value's owner makes one call at a time. The
/// library invokes callbacks only during such a call. The callbacks' arguments, the set of descriptors and a
/// ``Transfer``, live longer than the handle that has a pointer to them.
@safe struct CurlMulti: ~Copyable {
    typealias TransferID = UInt64

    private let handle: UnsafeMutableRawPointer
    private let descriptors: DescriptorSet
    private let options: HTTPClient.Options
    private let proxies: ProxySettings
    private var transfers: [TransferID: Transfer] = [:]

    /// Whether the library is initialized. A process initializes it once.
    private static let isReady = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK

    /// Makes a handle that watches its connections with `descriptors`, and sets the timer of `descriptors`.
    init(_ options: HTTPClient.Options, watchedBy descriptors: DescriptorSet) {
        // Both calls fail only when memory has run out.
        guard CurlMulti.isReady, let handle = unsafe curl_multi_init() else {
            preconditionFailure("libcurl does not start")
        }
        unsafe self.handle = handle
        self.descriptors = descriptors
        self.options = options
        proxies = ProxySettings(environment: options.environment)
        let most = options.connectionsPerHost
        unsafe ccurl_multi_set_long(handle, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
        unsafe ccurl_multi_set_long(handle, CURLMOPT_MAX_HOST_CONNECTIONS, most)
        // Idle connections for later requests: to ARM, its token server, and the servers of a second region.
        unsafe ccurl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, 2 * most + 4)
        unsafe ccurl_multi_set_watchers(
            handle, watch, setAlarm, Unmanaged.passUnretained(descriptors).toOpaque())
    }

    deinit {
        for transfer in transfers.values { unsafe curl_multi_remove_handle(handle, transfer.handle) }
        unsafe curl_multi_cleanup(handle)
        withExtendedLifetime(transfers) {}
    }

    /// Starts a transfer. ``turn()`` continues the transfer, and reports when it ends.
    mutating func add(_ id: TransferID, _ request: OutgoingRequest, to origin: Origin) {
        let transfer = Transfer(id, request, to: origin)
        transfer.prepare(options, proxies)
        transfers[id] = transfer
        unsafe curl_multi_add_handle(handle, transfer.handle)
    }

    /// Cancels a transfer at once, and returns what the server may have done: nothing if the transfer was never
    /// started.
    mutating func remove(_ id: TransferID) -> HTTPError.Effect {
        guard let transfer = transfers.removeValue(forKey: id) else { return .notSent }
        let effect = transfer.effect
        unsafe curl_multi_remove_handle(handle, transfer.handle)
        return effect
    }

    /// Does a part of the work that is possible now, and returns the transfers that have ended; nil if there is no
    /// work.
    mutating func turn() -> [(TransferID, Result<HTTPResponse, HTTPError>)]? {
        let ready = descriptors.ready()
        if ready.isEmpty { return nil }
        var left: CInt = 0
        for one in ready {
            switch one {
            case .alarm: unsafe curl_multi_socket_action(handle, -1, 0, &left)
            case .descriptor(let number, let reading, let writing, let broken):
                let mask =
                    (reading ? CURL_CSELECT_IN : 0) | (writing ? CURL_CSELECT_OUT : 0) | (broken ? CURL_CSELECT_ERR : 0)
                unsafe curl_multi_socket_action(handle, number, mask, &left)
            }
        }
        var ended: [(TransferID, Result<HTTPResponse, HTTPError>)] = []
        var code = CURLE_OK
        while let done = unsafe ccurl_multi_next_done(handle, &code) {
            guard let context = unsafe ccurl_get_context(done) else { continue }
            let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            transfers[transfer.id] = nil
            ended.append((transfer.id, transfer.outcome(code)))
            unsafe curl_multi_remove_handle(handle, transfer.handle)
        }
        return ended
    }
}

/// One request, and the part of its answer that has arrived.
@safe private final class Transfer {
    let id: CurlMulti.TransferID
    let request: OutgoingRequest
    let origin: Origin
    let handle: UnsafeMutableRawPointer
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private var connectionList: UnsafeMutablePointer<curl_slist>?
    private let errorText: UnsafeMutablePointer<CChar>
    private var headers = HTTPHeaders()
    private var headerBytes = 0
    /// Whether the empty line after the header has arrived.
    private var isHeaderWhole = false
    private var body: [UInt8] = []
    /// The reason for which a callback ended the transfer.
    private var refusal: (HTTPError.Reason, String)?
    /// The bytes sent to a proxy before the connection was ready; nil until there is a connection.
    private var sentBefore: Int?

    /// A correct server does not send a longer header.
    static let headerLimit = 64 << 10

    init(_ id: CurlMulti.TransferID, _ request: OutgoingRequest, to origin: Origin) {
        guard let handle = unsafe curl_easy_init() else { preconditionFailure("no memory for a transfer") }
        unsafe self.handle = handle
        (self.id, self.request, self.origin) = (id, request, origin)
        unsafe errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        // The handle has pointers to the other two objects.
        unsafe curl_easy_cleanup(handle)
        unsafe curl_slist_free_all(headerList)
        unsafe curl_slist_free_all(connectionList)
        unsafe errorText.deallocate()
    }

    func prepare(_ options: HTTPClient.Options, _ proxies: ProxySettings) {
        unsafe ccurl_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
        unsafe ccurl_set_receivers(
            handle, receiveHeader, receiveBody, connected, Unmanaged.passUnretained(self).toOpaque())
        prepareConnection(options, proxies)
        // curl adds fields of its own, unless the list has these fields without a value.
        if request.headers["Accept"] == nil { addHeaderLine("Accept:") }
        if request.headers["Content-Type"] == nil { addHeaderLine("Content-Type:") }
        addHeaderLine("Expect:")
        for (name, value) in request.headers.fields { addHeaderLine(value.isEmpty ? "\(name);" : "\(name): \(value)") }
        unsafe ccurl_set_pointer(handle, CURLOPT_HTTPHEADER, headerList)
        if request.headers["User-Agent"] == nil { set(CURLOPT_USERAGENT, options.userAgent) }
        switch (request.method, request.body.isEmpty) {
        case ("GET", true): break
        case ("HEAD", true): set(CURLOPT_NOBODY, 1)
        case (_, true) where !["POST", "PUT", "PATCH"].contains(request.method):
            set(CURLOPT_CUSTOMREQUEST, request.method)
        default:
            // These methods need a body or `Content-Length: 0`, because servers require it.
            set(CURLOPT_POST, 1)
            set(CURLOPT_POSTFIELDSIZE, request.body.count)
            unsafe request.body.withUnsafeBytes { bytes in
                unsafe _ = ccurl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, bytes.baseAddress)
            }
            set(CURLOPT_CUSTOMREQUEST, request.method)
        }
    }

    private func prepareConnection(_ options: HTTPClient.Options, _ proxies: ProxySettings) {
        set(CURLOPT_URL, request.url)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_PATH_AS_IS, 1)
        // A redirect is returned as an answer, so the request goes only to the host that the caller named.
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_NOSIGNAL, 1)
        // Cancelling a transfer does not wait for the resolver's thread.
        set(CURLOPT_QUICK_EXIT, 1)
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_CONNECTTIMEOUT_MS, options.connectTimeout.wholeMilliseconds)
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        // Without TLS, a server cannot announce HTTP/2 in advance. With TLS, a request that starts during the handshake
        // of a connection waits until it is known whether requests can share the connection.
        set(CURLOPT_HTTP_VERSION, Int(origin.isSecure ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1))
        set(CURLOPT_PIPEWAIT, 1)
        set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        if let certificate = options.clientCertificate {
            set(CURLOPT_SSLCERT_BLOB, bytes: certificate.chain)
            set(CURLOPT_SSLKEY_BLOB, bytes: certificate.key.reveal())
        }
        if let connection = options.connection {
            let host = connection.host.contains(":") ? "[\(connection.host)]" : connection.host
            unsafe connectionList = curl_slist_append(connectionList, "::\(host):\(connection.port)")
            unsafe ccurl_set_pointer(handle, CURLOPT_CONNECT_TO, connectionList)
        }
        prepareTrust(options, proxies)
        // The option is always set, even to an empty text, so the library does not read the environment.
        let proxy = request.usesProxy ? (origin.isSecure ? proxies.secure : proxies.plain) : nil
        set(CURLOPT_PROXY, proxy ?? "")
        set(CURLOPT_NOPROXY, proxies.exceptions ?? "")
    }

    private func prepareTrust(_ options: HTTPClient.Options, _ proxies: ProxySettings) {
        if let authorities = options.authorities {
            set(CURLOPT_CAINFO_BLOB, bytes: authorities)
            unsafe ccurl_set_text(handle, CURLOPT_CAPATH, nil)
            return
        }
        // libcurl caches the parsed file for later connections only if no directory is set too.
        if let file = options.authorityFile ?? proxies.authorityFile {
            set(CURLOPT_CAINFO, file)
            unsafe ccurl_set_text(handle, CURLOPT_CAPATH, nil)
        } else if let directory = proxies.authorityDirectory {
            set(CURLOPT_CAPATH, directory)
        } else {
            unsafe ccurl_set_text(handle, CURLOPT_CAPATH, nil)
        }
    }

    /// Sets an option to bytes, which the library copies.
    private func set(_ option: CURLoption, bytes text: String) {
        var bytes = Array(text.utf8)
        unsafe bytes.withUnsafeMutableBytes { buffer in
            var blob = unsafe curl_blob(
                data: buffer.baseAddress, len: buffer.count, flags: UInt32(CURL_BLOB_COPY))
            unsafe _ = ccurl_set_pointer(handle, option, &blob)
        }
    }

    private func set(_ option: CURLoption, _ value: Int) { unsafe ccurl_set_long(handle, option, value) }
    private func set(_ option: CURLoption, _ text: String) { unsafe ccurl_set_text(handle, option, text) }
    private func addHeaderLine(_ line: String) { unsafe headerList = curl_slist_append(headerList, line) }

    /// What the server may have done until now.
    var effect: HTTPError.Effect {
        guard let sentBefore else { return .notSent }
        return sentBytes > sentBefore ? .unknown : .notSent
    }

    private var sentBytes: Int { unsafe ccurl_get_long(handle, CURLINFO_REQUEST_SIZE) }

    /// The answer, or the reason why there is none, after the library has ended the transfer.
    func outcome(_ code: CURLcode) -> Result<HTTPResponse, HTTPError> {
        let status = unsafe ccurl_get_long(handle, CURLINFO_RESPONSE_CODE)
        // The library also accepts an incomplete header.
        if code == CURLE_OK, isHeaderWhole, status >= 200 {
            return .success(HTTPResponse(status: status, headers: headers, body: body))
        }
        let effect = effect
        let proxySaid = unsafe ccurl_get_long(handle, CURLINFO_HTTP_CONNECTCODE)
        if effect == .notSent, proxySaid >= 300 {
            return .failure(HTTPError(.notSent, .proxy, "\(origin): the proxy answered \(proxySaid) to CONNECT"))
        }
        if let (reason, text) = refusal { return .failure(HTTPError(effect, reason, "\(origin): \(text)")) }
        let said = unsafe String(cString: errorText)
        let text =
            unsafe code == CURLE_OK
            ? "the connection ended within the answer's header"
            : said.isEmpty ? String(cString: curl_easy_strerror(code)) : said
        return .failure(HTTPError(effect, HTTPError.Reason(code, effect), "\(origin): \(text)"))
    }

    /// Handles a new connection, before the library sends the request; false cancels the transfer.
    ///
    /// A second connection means that an old connection broke. The library would send the request again if no byte of
    /// an answer has arrived, but the server may have executed the first request. The caller decides whether to repeat
    /// it.
    func begin() -> Bool {
        if effect == .notSent {
            sentBefore = sentBytes
            return true
        }
        refusal = (.brokenAnswer, "the connection ended before the answer")
        return false
    }

    func takeHeader(_ bytes: UnsafeRawBufferPointer) -> Bool {
        headerBytes += bytes.count
        guard headerBytes <= Transfer.headerLimit else {
            refusal = (.answerTooLarge, "the answer's header has more than \(Transfer.headerLimit) bytes")
            return false
        }
        let line = unsafe String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            // Each 1xx response has a header of its own, before the header of the answer.
            headers = HTTPHeaders()
            isHeaderWhole = false
        } else if line == "\r\n" || line == "\n" {
            isHeaderWhole = true
        } else if let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
            line.utf8.first != UInt8(ascii: " "), line.utf8.first != UInt8(ascii: "\t")
        {
            headers.add(String(line[..<colon]), line[line.index(after: colon)...].withoutBlankEnds)
        }
        return true
    }

    func takeBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let status = unsafe ccurl_get_long(handle, CURLINFO_RESPONSE_CODE)
        if let onBody = request.onBody, 200..<300 ~= status {
            if unsafe onBody(Array(bytes)) { return true }
            refusal = (.answerTooLarge, "the receiver of the answer refused it")
            return false
        }
        guard bytes.count <= request.responseLimit - body.count else {
            refusal = (.answerTooLarge, "the answer has more than \(request.responseLimit) bytes, which is the limit")
            body = []
            return false
        }
        unsafe body.append(contentsOf: bytes)
        return true
    }
}

extension HTTPError.Reason {
    /// The reason for the library's code.
    fileprivate init(_ code: CURLcode, _ effect: HTTPError.Effect) {
        switch code {
        case CURLE_URL_MALFORMAT: self = .malformedRequest
        case CURLE_COULDNT_RESOLVE_HOST: self = .nameResolution
        case CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY: self = .proxy
        case CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR: self = .connection
        case CURLE_OPERATION_TIMEDOUT: self = .deadline
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            self = .security
        case CURLE_OUT_OF_MEMORY, CURLE_FAILED_INIT: self = .client
        // A failure before the request was sent is a failure of the connection; a later one is a failure of the answer.
        default: self = effect == .notSent ? .connection : .brokenAnswer
        }
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int {
        Int(clamping: max(1, min(components.seconds, 86_400) * 1000 + components.attoseconds / 1_000_000_000_000_000))
    }
}

extension Substring {
    fileprivate var withoutBlankEnds: String {
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A }
        let head = utf8.drop(while: isBlank)
        guard let last = head.lastIndex(where: { !isBlank($0) }) else { return "" }
        return String(Substring(head[...last]))
    }
}

private func watch(
    _ handle: UnsafeMutableRawPointer?, _ socket: curl_socket_t, _ what: CInt, _ context: UnsafeMutableRawPointer?,
    _ ours: UnsafeMutableRawPointer?
) -> CInt {
    guard let context = unsafe context else { return 0 }
    let descriptors = unsafe Unmanaged<DescriptorSet>.fromOpaque(context).takeUnretainedValue()
    switch what {
    case CURL_POLL_REMOVE: descriptors.forget(socket)
    case CURL_POLL_IN: descriptors.watch(socket, reading: true, writing: false)
    case CURL_POLL_OUT: descriptors.watch(socket, reading: false, writing: true)
    case CURL_POLL_INOUT: descriptors.watch(socket, reading: true, writing: true)
    default: descriptors.watch(socket, reading: false, writing: false)
    }
    return 0
}

private func setAlarm(
    _ multi: UnsafeMutableRawPointer?, _ milliseconds: Int, _ context: UnsafeMutableRawPointer?
) -> CInt {
    guard let context = unsafe context else { return 0 }
    let descriptors = unsafe Unmanaged<DescriptorSet>.fromOpaque(context).takeUnretainedValue()
    descriptors.setAlarm(after: milliseconds < 0 ? nil : .milliseconds(milliseconds))
    return 0
}

private func receiveHeader(
    _ bytes: UnsafeMutablePointer<CChar>?, _ one: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let context = unsafe context else { return 0 }
    let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    return unsafe transfer.takeHeader(UnsafeRawBufferPointer(start: bytes, count: count)) ? count : -1
}

private func receiveBody(
    _ bytes: UnsafeMutablePointer<CChar>?, _ one: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let context = unsafe context else { return 0 }
    let transfer = unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    return unsafe transfer.takeBody(UnsafeRawBufferPointer(start: bytes, count: count)) ? count : -1
}

private func connected(
    _ context: UnsafeMutableRawPointer?, _ peer: UnsafeMutablePointer<CChar>?, _ local: UnsafeMutablePointer<CChar>?,
    _ peerPort: CInt, _ localPort: CInt
) -> CInt {
    guard let context = unsafe context else { return 0 }
    return unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().begin()
        ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
}
