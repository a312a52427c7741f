import LinuxIO
import TestSupport

/// A program of Debian that makes or reads what these tests compare.
struct Tool: Sendable {
    let path: String

    /// The program of this name; nil if it is not installed.
    static func named(_ name: String) -> Tool? {
        ["/usr/bin", "/usr/sbin", "/sbin", "/bin"].map { "\($0)/\(name)" }.first(where: Files.isExecutable).map(
            Tool.init)
    }

    static func areInstalled(_ names: String...) -> Bool { names.allSatisfy { named($0) != nil } }

    /// Runs `name`, which must succeed, and returns its output.
    @discardableResult
    static func run(_ name: String, _ arguments: [String], in directory: TemporaryDirectory, on loop: EpollLoop)
        async throws
        -> String
    {
        guard let tool = named(name) else { throw ToolFailure(text: "\(name) is not installed") }
        var options = ChildProcess.Options(executable: tool.path, arguments: arguments)
        let (output, errors) = (directory.path + "/output", directory.path + "/errors")
        options.output = .file(path: output)
        options.error = .file(path: errors)
        let status = try await ChildProcess.start(options, on: loop).wait()
        func text(_ path: String) throws -> String {
            String(decoding: try DurableFile.read(path, limit: 1 << 20), as: UTF8.self)
        }
        defer { for path in [output, errors] { try? DurableFile.remove(path) } }
        guard status == .exited(0) else { throw ToolFailure(text: "\(name): \(status): \(try text(errors))") }
        return try text(output)
    }
}

struct ToolFailure: Error, CustomStringConvertible {
    let text: String

    var description: String { text }
}
