import LinuxIO
import TestSupport
import Testing

@testable import MachineIsolation

@Suite("A pseudo-terminal")
struct PseudoTerminalTests {
    @Test("is the terminal of a process, with its size, its keys and its end")
    func terminal() async throws {
        try await onLoop { loop in
            let terminal = try PseudoTerminal.open(on: loop)
            try terminal.resize(columns: 100, rows: 30)
            var options = ChildProcess.Options(
                executable: "/bin/sh", arguments: ["-c", "test -t 0 && stty size; exec sleep 1000"])
            options.newSession = true
            (options.input, options.output) = (.file(path: terminal.path), .file(path: terminal.path))
            options.error = .file(path: terminal.path)
            let child = try ChildProcess.start(options, on: loop)
            #expect(try await terminal.read(upTo: 100) == Array("30 100\r\n".utf8))
            // Control-C: only a controlling terminal makes a signal of it.
            try await terminal.stream.write([3])
            #expect(try await child.wait() == .signalled(2))
            var rest: [UInt8] = []
            while case let bytes = try await terminal.read(upTo: 100), !bytes.isEmpty { rest += bytes }
            #expect(rest == Array("^C".utf8))
        }
    }
}
