package import LinuxIO

/// The output of a virtual machine's serial console, of which the last part is kept.
///
/// A guest can write without end. So the file is renamed when it has half of ``limit``, and a new one begins.
package struct SerialConsole: Sendable {
    /// The most bytes that are kept.
    package static let limit = 2 << 20

    private let path: String
    private var size: Int64 = 0

    /// The console of the VM in `directory`, which has written nothing yet.
    package init(of directory: MachineDirectory) { path = directory.serialLog }

    private var older: String { path + ".1" }

    /// Appends the guest's next bytes.
    package mutating func append(_ bytes: [UInt8]) throws(SystemCallError) {
        if size + Int64(bytes.count) > Int64(Self.limit / 2), size > 0 {
            try Files.move(path, to: older)
            size = 0
        }
        try Files.write(bytes, to: path, at: size)
        size += Int64(bytes.count)
    }

    /// What is kept; nil if the machine is not a virtual one or has written nothing.
    package var content: [UInt8]? {
        let parts = [older, path].compactMap { try? DurableFile.read($0, limit: Self.limit) }
        return parts.isEmpty ? nil : Array(parts.joined())
    }
}
