package import LinuxIO

/// A new directory with a short path, which is removed with its last reference.
package final class TemporaryDirectory: Sendable {
    package let path: String

    /// - Throws: ``FileError``.
    package init() throws { path = try Files.makeTemporaryDirectory(prefix: "/tmp/caa-test-") }

    deinit { try? Files.removeTree(path) }

    /// The address of a Unix socket in the directory.
    package func socket(_ name: String) -> SocketAddress { .unix(path: path + "/" + name) }

    /// Writes a file, and returns its path.
    package func write(_ text: String, to name: String) throws -> String {
        try DurableFile.write(Array(text.utf8), to: path + "/" + name)
        return path + "/" + name
    }
}
