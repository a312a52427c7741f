internal import CNetlink

/// A request for which libnl has no functions. It has a fixed header and attributes.
struct NetlinkMessage {
    let type: CInt
    /// The header and the attributes.
    private(set) var bytes: [UInt8]

    init<Header>(_ type: CInt, _ header: Header) {
        self.type = type
        bytes = Self.padded(memory(of: header))
    }

    mutating func add(_ type: CInt, _ value: [UInt8]) { bytes += Self.attribute(type, value) }
    mutating func add(_ type: CInt, _ text: String) { add(type, Array(text.utf8) + [0]) }

    /// An attribute (`struct nlattr`); the value of a nested attribute is the bytes of its attributes.
    static func attribute(_ type: CInt, _ value: [UInt8]) -> [UInt8] {
        padded(memory(of: UInt16(4 + value.count)) + memory(of: UInt16(type)) + value)
    }

    private static func padded(_ bytes: [UInt8]) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: -bytes.count & 3)
    }
}

/// The attributes of a message or of a nested attribute, by type.
struct NetlinkAttributes {
    private var values: [Int: [UInt8]] = [:]

    /// Reads attributes, up to the first malformed one.
    init(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while rest.count >= 4 {
            let start = rest.startIndex
            let length = Int(nativeNumber(rest[start..<start + 2], as: UInt16.self))
            // Two bits of the type are flags (NLA_F_NESTED, NLA_F_NET_BYTEORDER).
            let type = Int(nativeNumber(rest[(start + 2)..<(start + 4)], as: UInt16.self) & 0x3FFF)
            guard length >= 4, length <= rest.count else { return }
            values[type] = Array(rest[(start + 4)..<(start + length)])
            rest = rest.dropFirst((length + 3) & ~3)
        }
    }

    subscript(_ type: CInt) -> [UInt8]? { values[Int(type)] }

    /// The attributes in a nested attribute.
    func inside(_ type: CInt) -> NetlinkAttributes? { self[type].map { NetlinkAttributes($0[...]) } }

    /// A number in this host's byte order.
    func number<Number: FixedWidthInteger>(_ type: CInt, as kind: Number.Type = Number.self) -> Number? {
        self[type].map { nativeNumber($0[...], as: kind) }
    }

    func text(_ type: CInt) -> String? {
        self[type].map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

/// The bytes of a number or of a C structure in memory.
func memory<Value>(of value: Value) -> [UInt8] {
    unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
}

/// A number in this host's byte order; missing bytes are zero.
func nativeNumber<Number: FixedWidthInteger>(_ bytes: ArraySlice<UInt8>, as: Number.Type = Number.self) -> Number {
    var value = Number.zero
    unsafe withUnsafeMutableBytes(of: &value) { unsafe $0.copyBytes(from: bytes.prefix($0.count)) }
    return value
}

extension NetlinkSocket {
    /// Sends a request and waits for the kernel's answer.
    func send(_ message: NetlinkMessage, flags: CInt = 0, _ call: NetlinkCall) throws(PodNetworkError) {
        try perform(call) {
            guard let request = unsafe Self.request(message, flags: flags) else { return -NLE_NOMEM }
            // nl_send_sync frees the request.
            return unsafe nl_send_sync(pointer, request)
        }
    }

    /// The values that `read` makes of the messages of a list, each without its netlink header.
    func dump<Value>(
        _ message: NetlinkMessage, _ call: NetlinkCall, _ read: ([UInt8]) -> Value?
    ) throws(PodNetworkError) -> [Value] {
        let found = Messages()
        try perform(call) {
            found.payloads = []
            guard let request = unsafe Self.request(message, flags: NLM_F_DUMP),
                let callbacks = unsafe nl_cb_clone(nl_socket_get_cb(pointer))
            else { return -NLE_NOMEM }
            defer {
                unsafe nlmsg_free(request)
                unsafe nl_cb_put(callbacks)
            }
            let context = unsafe Unmanaged.passUnretained(found).toOpaque()
            let note: nl_recvmsg_msg_cb_t = { message, context in
                guard let message = unsafe message, let context = unsafe context,
                    let header = unsafe nlmsg_hdr(message), let data = unsafe nlmsg_data(header)
                else { return CInt(NL_SKIP.rawValue) }
                let payload = unsafe UnsafeRawBufferPointer(start: data, count: Int(nlmsg_datalen(header)))
                unsafe Unmanaged<Messages>.fromOpaque(context).takeUnretainedValue().payloads.append(Array(payload))
                return CInt(NL_OK.rawValue)
            }
            var result = unsafe nl_cb_set(callbacks, NL_CB_VALID, NL_CB_CUSTOM, note, context)
            if result >= 0 { result = unsafe nl_send_auto(pointer, request) }
            return unsafe result < 0 ? result : nl_recvmsgs(pointer, callbacks)
        }
        return found.payloads.compactMap(read)
    }

    private static func request(_ message: NetlinkMessage, flags: CInt) -> OpaquePointer? {
        guard let request = unsafe nlmsg_alloc_size(message.bytes.count + 64) else { return nil }
        guard unsafe nlmsg_put(request, UInt32(NL_AUTO_PORT), UInt32(NL_AUTO_SEQ), message.type, 0, flags) != nil,
            unsafe message.bytes.withUnsafeBytes({ bytes in
                unsafe nlmsg_append(request, UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count, 0)
            }) >= 0
        else {
            unsafe nlmsg_free(request)
            return nil
        }
        return unsafe request
    }

    private final class Messages {
        var payloads: [[UInt8]] = []
    }
}
