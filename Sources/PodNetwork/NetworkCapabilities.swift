internal import LinuxIO

/// Whether this process may do what a pod's network takes.
public struct NetworkCapabilities: Equatable, Sendable {
    /// Those that are missing, by name.
    public let missing: [String]

    /// What the node and the VM need, with their numbers in linux/capability.h.
    private static let needed = [("NET_ADMIN", 12), ("SYS_ADMIN", 21)]

    /// As the kernel tells of this process.
    public static func ofThisProcess() -> NetworkCapabilities {
        let text = (try? DurableFile.read("/proc/self/status", limit: 65_536)).map {
            String(decoding: $0, as: UTF8.self)
        }
        return NetworkCapabilities(status: text ?? "")
    }

    /// As the text of /proc/<pid>/status tells (`CapEff`).
    public init(status: String) {
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        let mask =
            line.flatMap { $0.split(whereSeparator: { $0 == "\t" || $0 == " " }).last }.flatMap {
                UInt64($0, radix: 16)
            } ?? 0
        missing = Self.needed.filter { mask & 1 << $0.1 == 0 }.map(\.0)
    }

    /// - Throws: ``PodNetworkError`` (`notPermitted`) that names those that are missing.
    public func check() throws(PodNetworkError) {
        guard !missing.isEmpty else { return }
        throw PodNetworkError(
            .notPermitted, "This process", "it lacks the capability \(missing.joined(separator: " and "))",
            NetworkRemedy.capabilities)
    }
}
