internal import LinuxIO

/// Whether this process has the capabilities that a pod's network needs.
public struct NetworkCapabilities: Equatable, Sendable {
    /// The names of the missing capabilities.
    public let missing: [String]

    /// The capabilities that the node and the VM need, with their numbers in linux/capability.h.
    private static let needed = [("NET_ADMIN", 12), ("SYS_ADMIN", 21)]

    /// The capabilities of this process.
    public static func ofThisProcess() -> NetworkCapabilities {
        let text = (try? DurableFile.read("/proc/self/status", limit: 65_536)).map {
            String(decoding: $0, as: UTF8.self)
        }
        return NetworkCapabilities(status: text ?? "")
    }

    /// The capabilities in the text of /proc/<pid>/status (`CapEff`).
    public init(status: String) {
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        let mask =
            line.flatMap { $0.split(whereSeparator: { $0 == "\t" || $0 == " " }).last }.flatMap {
                UInt64($0, radix: 16)
            } ?? 0
        missing = Self.needed.filter { mask & 1 << $0.1 == 0 }.map(\.0)
    }

    /// - Throws: ``PodNetworkError`` (`notPermitted`) that names the missing capabilities.
    public func check() throws(PodNetworkError) {
        guard !missing.isEmpty else { return }
        throw PodNetworkError(
            .notPermitted, "This process", "it lacks the capability \(missing.joined(separator: " and "))",
            NetworkRemedy.capabilities)
    }
}
