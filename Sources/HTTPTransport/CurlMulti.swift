internal import CCurl
internal import LinuxIO

/// libcurl's multi handle, driven from outside.
///
/// Safe, because this is the only file that says `curl_`, and the value's owner makes one call at a time. The library
/// calls back only from inside such a call; what its callbacks get, the set of descriptors and a ``Transfer``, lives
/// longer than the handle that has a pointer to it.
@safe struct CurlMulti: ~Copyable {
    typealias TransferID = UInt64

    private let handle: UnsafeMutableRawPointer
    private let descriptors: DescriptorSet
    private let options: HTTPClient.Options
    private let proxies: ProxySettings
    private var transfers: [TransferID: Transfer] = [:]

    /// Whether the library is ready for use: once in a process.
    private static let isReady = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK

    /// Connections that have `descriptors` watch them, and set its alarm.
    init(_ options: HTTPClient.Options, watchedBy descriptors: DescriptorSet) {
        // Both fail for lack of memory alone.
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
        // Idle ones for later: ARM, its token server, and a redundant region's.
        unsafe ccurl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, 2 * most + 4)
        unsafe ccurl_multi_set_watchers(
            handle, watch, setAlarm, Unmanaged.passUnretained(descriptors).toOpaque())
    }

    deinit {
        for transfer in transfers.values { unsafe curl_multi_remove_handle(handle, transfer.handle) }
        unsafe curl_multi_cleanup(handle)
        withExtendedLifetime(transfers) {}
    }

    /// Begins a transfer; ``turn()`` makes it go on, and says when it is over.
    mutating func add(_ id: TransferID, _ request: OutgoingRequest, to origin: Origin) {
        let transfer = Transfer(id, request, to: origin)
        transfer.prepare(options, proxies)
        transfers[id] = transfer
        unsafe curl_multi_add_handle(handle, transfer.handle)
    }

    /// Calls a transfer off at once: what the server may have done. Never begun, it has done nothing.
    mutating func remove(_ id: TransferID) -> HTTPError.Effect {
        guard let transfer = transfers.removeValue(forKey: id) else { return .notSent }
        let effect = transfer.effect
        unsafe curl_multi_remove_handle(handle, transfer.handle)
        return effect
    }

    /// Does some of what can be done now: nil when that is nothing, otherwise what has ended meanwhile.
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

/// One request and what has come of it.
@safe private final class Transfer {
    let id: CurlMulti.TransferID
    let request: OutgoingRequest
    let origin: Origin
    let handle: UnsafeMutableRawPointer
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private let errorText: UnsafeMutablePointer<CChar>
    private var headers = HTTPHeaders()
    private var headerBytes = 0
    /// Whether the empty line after the header has come.
    private var isHeaderWhole = false
    private var body: [UInt8] = []
    /// Why a callback put an end to it.
    private var refusal: (HTTPError.Reason, String)?
    /// What had been sent, to a proxy, when the connection stood; nil until one does.
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
        // The handle has pointers to the other two.
        unsafe curl_easy_cleanup(handle)
        unsafe curl_slist_free_all(headerList)
        unsafe errorText.deallocate()
    }

    func prepare(_ options: HTTPClient.Options, _ proxies: ProxySettings) {
        unsafe ccurl_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
        unsafe ccurl_set_receivers(
            handle, receiveHeader, receiveBody, connected, Unmanaged.passUnretained(self).toOpaque())
        prepareConnection(options, proxies)
        // curl adds fields of its own, unless they are named without a value.
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
            // A body, or at least the word that it is empty, which servers insist on with these.
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
        // A redirect is an answer, so that what is sent goes where it was meant to go and nowhere else.
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_NOSIGNAL, 1)
        // Calling a transfer off does not wait for the resolver's thread.
        set(CURLOPT_QUICK_EXIT, 1)
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_CONNECTTIMEOUT_MS, options.connectTimeout.wholeMilliseconds)
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        // Without TLS, a server cannot announce HTTP/2 beforehand; with it, a request that starts while a connection is
        // being made waits to hear whether it can be shared.
        set(CURLOPT_HTTP_VERSION, Int(origin.isSecure ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1))
        set(CURLOPT_PIPEWAIT, 1)
        set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        // The parsed file is kept for later connections, but only if no directory is beside it.
        if let file = options.authorityFile ?? proxies.authorityFile {
            set(CURLOPT_CAINFO, file)
            unsafe ccurl_set_text(handle, CURLOPT_CAPATH, nil)
        } else if let directory = proxies.authorityDirectory {
            set(CURLOPT_CAPATH, directory)
        } else {
            unsafe ccurl_set_text(handle, CURLOPT_CAPATH, nil)
        }
        // Always set, if only to nothing, so that the library does not read the environment.
        let proxy = request.usesProxy ? (origin.isSecure ? proxies.secure : proxies.plain) : nil
        set(CURLOPT_PROXY, proxy ?? "")
        set(CURLOPT_NOPROXY, proxies.exceptions ?? "")
    }

    private func set(_ option: CURLoption, _ value: Int) { unsafe ccurl_set_long(handle, option, value) }
    private func set(_ option: CURLoption, _ text: String) { unsafe ccurl_set_text(handle, option, text) }
    private func addHeaderLine(_ line: String) { unsafe headerList = curl_slist_append(headerList, line) }

    /// What the server may have done by now.
    var effect: HTTPError.Effect {
        guard let sentBefore else { return .notSent }
        return sentBytes > sentBefore ? .unknown : .notSent
    }

    private var sentBytes: Int { unsafe ccurl_get_long(handle, CURLINFO_REQUEST_SIZE) }

    /// The answer, or why there is none, once the library is done with it.
    func outcome(_ code: CURLcode) -> Result<HTTPResponse, HTTPError> {
        let status = unsafe ccurl_get_long(handle, CURLINFO_RESPONSE_CODE)
        // The library is content with a header that ends anywhere.
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

    /// A connection stands, and the request is about to leave; false calls it off.
    ///
    /// A second time, because an old connection broke: the library would send the request again if no byte of an answer
    /// had come, though the server may have acted on the first. Whether to repeat is the caller's to decide.
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
            // Each 1xx has a header of its own, before that of the answer.
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
    /// What the library's code comes to.
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
        // Whatever breaks before the request has left is the way there; afterwards it is the answer.
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
