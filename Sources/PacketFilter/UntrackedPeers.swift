internal import CNFTables
internal import Glibc
package import LinuxIO

/// The hosts whose VXLAN packets the kernel does not track as connections.
///
/// Otherwise each pod's tunnel would use entries of the connection table, which all connections of the node share and
/// which can get full. The rules are in a separate table, which is removed with the last peer:
///
///     table inet peerpod {
///         set peers4 { type ipv4_addr; }   set peers6 { type ipv6_addr; }
///         chain in  { type filter hook prerouting priority raw; ip saddr @peers4 udp dport 4789 notrack }
///         chain out { type filter hook output priority raw; ip daddr @peers4 udp dport 4789 notrack }
///     }
///
/// Only the node uses it: a pod's VM tracks no connections, and its daemon does not link this library. Each call runs
/// on a thread of its own, because it may take milliseconds.
public final class UntrackedPeers: Sendable {
    /// The table's name: `nft list table inet peerpod` shows it.
    public static let table = "peerpod"

    private let port: Int
    /// The namespace of the host; nil: that of this process.
    private let host: NetworkNamespace?
    /// Waiting calls hold no thread, because a removal takes one of the kernel's grace periods.
    private let semaphore = AsyncSemaphore(1)
    /// Whether the table has the rules of this object's port.
    private let isPrepared = Lock(false)

    /// The peers of UDP port `port`, on this process's host or on the host whose own namespace is `host`.
    ///
    /// - Throws: ``PacketFilterError`` if the port is not 1 to 65535.
    package init(port: Int, in host: NetworkNamespace? = nil) throws(PacketFilterError) {
        guard (1...65_535).contains(port) else {
            throw PacketFilterError("Opening the packet filter for UDP port \(port)", "a port is 1 to 65535")
        }
        self.port = port
        self.host = host
    }

    /// Adds a host, unless the table has the host already.
    ///
    /// - Throws: ``PacketFilterError``, or `CancellationError` when cancelled while waiting for its turn.
    public func add(_ address: String) async throws { try await offLoop { try $0.insert(address) } }

    func insert(_ address: String) throws { try withContext { try insert(address, $0) } }

    private func insert(_ address: String, _ context: NFTContext) throws(PacketFilterError) {
        let set = try Self.set(for: address)
        let table = "inet \(Self.table)"
        let base = """
            add table \(table); add set \(table) peers4 { type ipv4_addr; }; add set \(table) peers6 { type ipv6_addr; }; \
            add chain \(table) in { type filter hook prerouting priority raw; }; \
            add chain \(table) out { type filter hook output priority raw; }; \
            flush chain \(table) in; flush chain \(table) out; \
            add rule \(table) in ip saddr @peers4 udp dport \(port) notrack; \
            add rule \(table) in ip6 saddr @peers6 udp dport \(port) notrack; \
            add rule \(table) out ip daddr @peers4 udp dport \(port) notrack; \
            add rule \(table) out ip6 daddr @peers6 udp dport \(port) notrack
            """
        let element = "add element \(table) \(set) { \(address) }"
        let what = "Excluding the packets of \(address) from connection tracking"
        // Usually only the host is missing, unless another program has flushed the ruleset.
        if isPrepared.withLock({ $0 }), (try? context.run(element, what)) != nil { return }
        // One transaction. The first time, the rules are replaced, because they may be for another port.
        try context.run("\(base); \(element)", what)
        isPrepared.withLock { $0 = true }
    }

    /// Removes a host, if the table has the host, and removes the table with the last host.
    ///
    /// - Throws: ``PacketFilterError``, or `CancellationError` when cancelled while waiting for its turn.
    public func remove(_ address: String) async throws { try await offLoop { try $0.delete(address) } }

    func delete(_ address: String) throws { try withContext { try delete(address, $0) } }

    private func delete(_ address: String, _ context: NFTContext) throws(PacketFilterError) {
        let set = try Self.set(for: address)
        let table = "inet \(Self.table)"
        let what = "Including the packets of \(address) in connection tracking"
        let isRemoved: Void? = try ifTableExists(context, what) { () throws(PacketFilterError) in
            // The host is added first, so the removal succeeds.
            let element = "element \(table) \(set) { \(address) }"
            try context.run("add \(element); delete \(element)", what)
            guard try peers(context, what).isEmpty else { return }
            try context.run("delete table \(table)", what)
            isPrepared.withLock { $0 = false }
        }
        if isRemoved == nil { isPrepared.withLock { $0 = false } }
    }

    /// The hosts in the table.
    ///
    /// - Throws: ``PacketFilterError``, or `CancellationError` when cancelled while waiting for its turn.
    public func all() async throws -> [String] {
        try await offLoop { peers in try peers.withContext { try peers.list($0) } }
    }

    private func list(_ context: NFTContext) throws(PacketFilterError) -> [String] {
        let what = "Listing the packet filter"
        return try ifTableExists(context, what) { () throws(PacketFilterError) in try peers(context, what) } ?? []
    }

    /// Runs `body`, and returns nil if the table does not exist.
    ///
    /// Another process may remove the table and create it again at any time. So a failure of `body` counts only when it
    /// happens ``attempts`` times.
    private func ifTableExists<Result>(
        _ context: NFTContext, _ what: String, _ body: () throws(PacketFilterError) -> Result
    ) throws(PacketFilterError) -> Result? {
        for attempt in 1...Self.attempts {
            guard try context.run("list tables inet", what).contains("table inet \(Self.table)") else { return nil }
            do throws(PacketFilterError) {
                return try body()
            } catch {
                if attempt == Self.attempts { throw error }
            }
        }
        return nil
    }

    private static let attempts = 10

    private func offLoop<Outcome: Sendable>(
        _ body: @escaping @Sendable (UntrackedPeers) throws -> Outcome
    ) async throws -> Outcome {
        try await semaphore.withPermit { try await Thread.offLoop { try body(self) } }
    }

    /// Runs `body` with a context in the host's namespace, on a thread of its own, and waits for the thread.
    ///
    /// libnftables waits with select(2), which cannot use a descriptor above 1,023 and ends the process. So the thread
    /// gets a descriptor table of its own, in which the library's socket has a low number, however many descriptors
    /// the process has open.
    private func withContext<Outcome>(_ body: (NFTContext) throws -> Outcome) throws -> Outcome {
        func work() -> Result<Outcome, any Error> {
            Result {
                try Thread.leaveDescriptors()
                return try body(try NFTContext())
            }
        }
        guard let host else { return try Thread.run { work() }.get() }
        return try host.run { work() }.get()
    }

    private func peers(_ context: NFTContext, _ what: String) throws(PacketFilterError) -> [String] {
        var found: [String] = []
        for set in ["peers4", "peers6"] {
            let text = try context.run("list set inet \(Self.table) \(set)", what)
            // … elements = { 10.0.0.4, 10.0.0.5 } …
            guard let start = text.firstRange(of: "elements = {")?.upperBound,
                let end = text[start...].firstIndex(of: "}")
            else { continue }
            let isBlank = { (character: Character) in " \n\t,".contains(character) }
            found += text[start..<end].split(whereSeparator: isBlank).map(String.init)
        }
        return found
    }

    /// The name of the set for an address. A text that is not an address must not get into a command.
    private static func set(for address: String) throws(PacketFilterError) -> String {
        var bytes = [UInt8](repeating: 0, count: 16)
        if !address.utf8.contains(0) {
            if unsafe inet_pton(AF_INET, address, &bytes) == 1 { return "peers4" }
            if unsafe inet_pton(AF_INET6, address, &bytes) == 1 { return "peers6" }
        }
        throw PacketFilterError(
            "Finding the set of \(String(reflecting: address))", "that is not an IP address")
    }
}

/// libnftables' context, bound to the namespace and the descriptor table of the thread that made it.
///
/// It is safe, because the object owns the pointer and frees it. No other type calls `nft_` functions.
@safe private final class NFTContext {
    private let pointer: OpaquePointer

    init() throws(PacketFilterError) {
        guard let pointer = unsafe nft_ctx_new(UInt32(NFT_CTX_DEFAULT)) else {
            throw PacketFilterError("Opening the packet filter", "libnftables returns no context")
        }
        unsafe self.pointer = pointer
        unsafe _ = nft_ctx_buffer_output(pointer)
        unsafe _ = nft_ctx_buffer_error(pointer)
    }

    deinit { unsafe nft_ctx_free(pointer) }

    /// Runs commands as one transaction, and returns their output.
    @discardableResult
    func run(_ commands: String, _ what: String) throws(PacketFilterError) -> String {
        let result = unsafe nft_run_cmd_from_buffer(pointer, commands)
        let output = unsafe nft_ctx_get_output_buffer(pointer).map { unsafe String(cString: $0) } ?? ""
        let errors = unsafe nft_ctx_get_error_buffer(pointer).map { unsafe String(cString: $0) } ?? ""
        guard result == 0 else { throw PacketFilterError(what, errors) }
        return output
    }
}
