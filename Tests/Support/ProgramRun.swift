package import LinuxIO

/// A program that ran to its end, and what it said.
package struct ProgramRun: Sendable {
    package let status: ChildProcess.ExitStatus
    package let output: [UInt8]
    package let error: [UInt8]

    /// The standard output as text.
    package var text: String { String(decoding: output, as: UTF8.self) }
    /// The standard error as text.
    package var errorText: String { String(decoding: error, as: UTF8.self) }

    /// Runs a program to its end. `watch` gets its standard error, part by part.
    package static func of(
        _ options: ChildProcess.Options, input: [UInt8]? = nil, on loop: EpollLoop,
        whileRunning watch: @escaping @Sendable (String) async -> Void = { _ in }
    ) async throws -> ProgramRun {
        var options = options
        options.input = input == nil ? .null : .pipe
        options.output = .pipe
        options.error = .pipe
        let child = try ChildProcess.start(options, on: loop)
        // Not to survive a test that is cancelled.
        defer { child.signal(9) }
        async let output = readToEnd(child.output)
        async let error = readToEnd(child.error, watch)
        if let input {
            try await child.input?.write(input)
            child.input?.close()
        }
        return try await ProgramRun(status: child.wait(), output: output, error: error)
    }

    private static func readToEnd(
        _ stream: Stream?, _ watch: @Sendable (String) async -> Void = { _ in }
    ) async throws -> [UInt8] {
        var all: [UInt8] = []
        while let bytes = try await stream?.read(upTo: 64 << 10), !bytes.isEmpty {
            all += bytes
            await watch(String(decoding: bytes, as: UTF8.self))
        }
        return all
    }
}
