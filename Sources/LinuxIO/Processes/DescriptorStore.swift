internal import CLinux
internal import Glibc

/// Keeps open descriptors while this process is restarted, so that the next process has them.
public protocol DescriptorStore: Sendable {
    /// Keeps a copy of `descriptor` under `name` until ``drop(_:)``.
    ///
    /// - Throws: ``SystemCallError`` if it cannot be kept.
    func keep(_ descriptor: CInt, as name: String) throws(SystemCallError)

    /// Closes the copy under `name`.
    func drop(_ name: String)
}

/// The descriptors that an earlier process of this service has stored. Those that are not taken are closed with the
/// last reference; the store keeps its copies.
public final class KeptDescriptors: Sendable {
    private let numbers: Lock<[String: CInt]>

    /// Takes ownership of open descriptors.
    public init(owning numbers: [String: CInt] = [:]) { self.numbers = Lock(numbers) }

    deinit { for name in names { _ = take(name) } }

    /// The names of the descriptors that are not taken.
    public var names: [String] { numbers.withLock { Array($0.keys) } }

    /// Takes the descriptor of that name; nil if there is none.
    public func take(_ name: String) -> OwnedFD? {
        let number = numbers.withLock { $0.removeValue(forKey: name) }
        guard let number else { return nil }
        return OwnedFD(owning: number)
    }
}

/// systemd's store of descriptors (FDSTORE of sd_notify(3), `FileDescriptorStoreMax=` of systemd.service(5)).
public struct ServiceManagerStore: DescriptorStore {
    private let environment: [String: String]

    /// The store of this service; nil if the manager keeps no descriptors for it.
    ///
    /// systemd 254 and later set `FDSTORE` to the most descriptors that they keep.
    public init?(environment: [String: String]) {
        guard environment["NOTIFY_SOCKET"] != nil, let limit = environment["FDSTORE"].flatMap({ Int($0) }), limit > 0
        else { return nil }
        self.environment = environment
    }

    /// Does not wait until the manager has the descriptor: it reads messages before it handles the end of a process.
    public func keep(_ descriptor: CInt, as name: String) throws(SystemCallError) {
        // systemd must not drop a socket because its peer has closed it.
        let text = "FDSTORE=1\nFDPOLL=0\nFDNAME=\(name)"
        let isSent = unsafe try ServiceManager.send(environment) { fd, address, length in
            unsafe clinux_send_message(
                fd, address.baseAddress, length, text, UInt(text.utf8.count), [descriptor], 1)
        }
        if !isSent { throw SystemCallError(call: "sendmsg", errno: ENAMETOOLONG, subject: "NOTIFY_SOCKET") }
    }

    /// Closes the manager's copy under `name`.
    public func drop(_ name: String) {
        ServiceManager.notify("FDSTOREREMOVE=1\nFDNAME=\(name)", environment: environment)
    }

    /// Takes the descriptors that the manager has passed to this process (sd_listen_fds_with_names(3)). Must be called
    /// at most once.
    public static func takeKept(environment: [String: String]) -> KeptDescriptors {
        guard let count = environment["LISTEN_FDS"].flatMap({ CInt($0) }), (1...1024).contains(count),
            environment["LISTEN_PID"].flatMap({ CInt($0) }) == getpid()
        else { return KeptDescriptors() }
        let names = (environment["LISTEN_FDNAMES"] ?? "").split(separator: ":", omittingEmptySubsequences: false)
        var numbers: [String: CInt] = [:]
        for index in 0..<count where clinux_close_on_exec(firstDescriptor + index) == 0 {
            let name = names.indices.contains(Int(index)) ? String(names[Int(index)]) : "unknown"
            // A second one of that name is closed.
            if let other = numbers.updateValue(firstDescriptor + index, forKey: name) { Glibc.close(other) }
        }
        return KeptDescriptors(owning: numbers)
    }

    /// SD_LISTEN_FDS_START.
    private static let firstDescriptor: CInt = 3
}
