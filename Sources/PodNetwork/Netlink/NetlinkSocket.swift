internal import CNetlink
internal import Glibc
package import LinuxIO

/// A socket to the kernel, bound to the namespace in which it was opened.
///
/// Only this folder calls libnl. One thread at a time uses the socket. It is safe, because the object owns the pointers
/// and frees them.
@safe package final class NetlinkSocket {
    /// The kernel's subsystem.
    package enum Family: Sendable {
        /// Links, addresses, routes, filters.
        case routing
        /// The security policy database (IPsec).
        case policies

        fileprivate var number: CInt { self == .routing ? NETLINK_ROUTE : NETLINK_XFRM }
    }

    let pointer: OpaquePointer
    /// The namespace's name in errors.
    let place: String
    private let faults: NetlinkFaults
    private let refusal: UnsafeMutablePointer<cnetlink_refusal>

    /// A socket in `namespace`.
    ///
    /// A thread enters the namespace, opens the socket and ends. The socket stays bound to the namespace on every
    /// thread.
    package static func open(
        in namespace: NetworkNamespace, _ place: String, to family: Family = .routing, faults: NetlinkFaults = .none
    ) throws(PodNetworkError) -> NetlinkSocket {
        let outcome: Swift.Result<NetlinkSocket, PodNetworkError>
        do throws(SystemCallError) {
            outcome = try namespace.run {
                Swift.Result { () throws(PodNetworkError) in try NetlinkSocket(place, family, faults) }
            }
        } catch {
            throw PodNetworkError(error)
        }
        return try outcome.get()
    }

    private init(_ place: String, _ family: Family, _ faults: NetlinkFaults) throws(PodNetworkError) {
        let call =
            family == .routing
            ? NetlinkCall(.socket, "open", "A netlink socket")
            : NetlinkCall(.policy, "open", "A netlink socket for IPsec policies")
        guard let pointer = unsafe nl_socket_alloc() else {
            throw PodNetworkError(call, errno: ENOMEM, words: "", in: place)
        }
        unsafe self.pointer = pointer
        self.place = place
        self.faults = faults
        unsafe refusal = .allocate(capacity: 1)
        unsafe refusal.initialize(to: cnetlink_refusal())
        try perform(call) { unsafe nl_connect(pointer, family.number) }
        unsafe _ = cnetlink_note_refusals(pointer, refusal)
    }

    deinit {
        unsafe nl_socket_free(pointer)
        unsafe refusal.deallocate()
    }

    /// Makes one request; `body` returns libnl's result, below zero if it failed.
    @discardableResult
    func perform(_ call: NetlinkCall, _ body: () -> CInt) throws(PodNetworkError) -> CInt {
        // The number of attempts is sufficient for a table that changes more slowly than it is read.
        for attempt in 1... {
            let outcome = faults.decide(call)
            if case .refuse(let errno) = outcome { throw PodNetworkError(call, errno: errno, words: "", in: place) }
            var result: CInt = -NLE_DUMP_INTR
            if case .interrupt = outcome {
            } else {
                unsafe refusal.pointee = cnetlink_refusal()
                result = body()
            }
            if case .lose(let errno) = outcome { throw PodNetworkError(call, errno: errno, words: "", in: place) }
            if result >= 0 { return result }
            if (result == -NLE_DUMP_INTR || result == -NLE_INTR), attempt < 100 { continue }
            throw failure(of: call, result)
        }
        preconditionFailure("the loop returns or throws")
    }

    private func failure(of call: NetlinkCall, _ result: CInt) -> PodNetworkError {
        let noted = unsafe refusal.pointee
        var words = noted.words
        let text = unsafe withUnsafeBytes(of: &words) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if noted.error != 0 { return PodNetworkError(call, errno: noted.error, words: text, in: place) }
        // It is an error of the library, so its number is translated.
        let known: [CInt: CInt] = [
            -NLE_NODEV: ENODEV, -NLE_OBJ_NOTFOUND: ENOENT, -NLE_EXIST: EEXIST, -NLE_INVAL: EINVAL, -NLE_PERM: EPERM,
            -NLE_NOMEM: ENOMEM, -NLE_BUSY: EBUSY, -NLE_RANGE: ERANGE, -NLE_NOACCESS: EACCES, -NLE_AGAIN: EAGAIN,
            -NLE_PROTO_MISMATCH: EPROTONOSUPPORT,
        ]
        let explanation = unsafe String(cString: nl_geterror(result))
        return PodNetworkError(call, errno: known[result] ?? EIO, words: explanation, in: place)
    }

    /// The values that `read` makes of the objects that `fill` lists.
    func list<Value>(
        _ call: NetlinkCall, _ fill: (UnsafeMutablePointer<OpaquePointer?>) -> CInt, _ read: (OpaquePointer) -> Value?
    ) throws(PodNetworkError) -> [Value] {
        var cache: OpaquePointer?
        try perform(call) { unsafe fill(&cache) }
        defer { unsafe nl_cache_free(cache) }
        var values: [Value] = []
        var entry = unsafe nl_cache_get_first(cache)
        while let object = unsafe entry {
            if let value = unsafe read(object) { values.append(value) }
            unsafe entry = nl_cache_get_next(object)
        }
        return values
    }
}

/// Runs a closure with an address in libnl's format.
func withAddress<Result>(_ bytes: [UInt8], family: CInt, length: Int? = nil, _ body: (OpaquePointer?) -> Result)
    -> Result
{
    let address = unsafe nl_addr_build(family, bytes, bytes.count)
    defer { unsafe nl_addr_put(address) }
    if let length { unsafe nl_addr_set_prefixlen(address, CInt(length)) }
    return unsafe body(address)
}

func withAddress<Result>(_ prefix: NetPrefix, _ body: (OpaquePointer?) -> Result) -> Result {
    unsafe withAddress(prefix.address.bytes, family: prefix.address.family, length: prefix.length, body)
}

func withAddress<Result>(_ address: NetAddress, _ body: (OpaquePointer?) -> Result) -> Result {
    unsafe withAddress(address.bytes, family: address.family, body)
}

func withAddress<Result>(_ address: LinkAddress, _ body: (OpaquePointer?) -> Result) -> Result {
    unsafe withAddress(address.bytes, family: AF_LLC, body)
}

/// The bytes of an address; nil if there is none.
func bytes(of address: OpaquePointer?) -> [UInt8]? {
    guard let address = unsafe address, let start = unsafe nl_addr_get_binary_addr(address) else { return nil }
    return unsafe Array(UnsafeRawBufferPointer(start: start, count: Int(nl_addr_get_len(address))))
}

func netAddress(_ address: OpaquePointer?) -> NetAddress? { unsafe bytes(of: address).flatMap(NetAddress.init(bytes:)) }

func netPrefix(_ address: OpaquePointer?) -> NetPrefix? {
    guard let address = unsafe address else { return nil }
    let length = unsafe Int(nl_addr_get_prefixlen(address))
    return unsafe netAddress(address).flatMap { NetPrefix($0, length: length) }
}
