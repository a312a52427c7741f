internal import KataProtocol
internal import LinuxIO
internal import TTRPC

extension AgentSession {
    /// The pause between two lines of an echo.
    private static let pauseBetweenLines = Duration.milliseconds(100)

    /// Runs `cat` beside the command, as often as the plan says, until `end`. Each gets lines, whose echoes are compared.
    ///
    /// - Throws: ``PodFailure`` when a line is lost, repeated or changed, or when a `cat` fails.
    func runEchoes(until end: Event) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<plan.echoes { group.addTask { try await echo("echo-\(number)", until: end) } }
            try await group.waitForAll()
        }
    }

    private func echo(_ id: String, until end: Event) async throws {
        let process = ProcessRequest.with { ($0.containerID, $0.execID) = (identity.sandbox, id) }
        var cat = OCIProcess()
        cat.arguments = ["cat"]
        cat.environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        cat.workingDirectory = "/"
        cat.user = OCIUser()
        _ = try await call(
            AgentService.execProcess,
            .with { [cat] in ($0.containerID, $0.execID, $0.process) = (identity.sandbox, id, cat) })
        var line = 0
        while !end.isSet {
            line += 1
            do {
                try await expectEcho(of: Array("\(id) line \(line)\n".utf8), process)
            } catch let failure as PodFailure where failure.operation != operation(id) {
                return try await tolerate(failure, after: end)
            }
            try await loop.sleep(for: Self.pauseBetweenLines)
        }
    }

    /// Throws `failure`, unless the pod's command ends soon: its end kills the commands beside it.
    private func tolerate(_ failure: PodFailure, after end: Event) async throws {
        try? await withDeadline(.now + .seconds(5), on: loop) { await end.wait() }
        if !end.isSet { throw failure }
    }

    private func expectEcho(of line: [UInt8], _ process: ProcessRequest) async throws {
        let id = process.execID
        let write = WriteStreamRequest.with {
            ($0.containerID, $0.execID, $0.data) = (identity.sandbox, id, line)
        }
        let written = try await call(AgentService.writeStdin, write, timeout: nil).length
        guard written == UInt32(line.count) else { throw changed(id, "\(written) of \(line.count) bytes were written") }
        var echoed: [UInt8] = []
        while echoed.count < line.count {
            let read = ReadStreamRequest.with {
                ($0.containerID, $0.execID, $0.length) = (identity.sandbox, id, UInt32(line.count - echoed.count))
            }
            echoed += try await call(AgentService.readStdout, read, timeout: nil).data
        }
        guard echoed == line else {
            throw changed(id, "\(String(decoding: echoed, as: UTF8.self)) came instead of the line")
        }
    }

    private func operation(_ id: String) -> String { "the open command \(id)" }

    private func changed(_ id: String, _ message: String) -> PodFailure {
        PodFailure(
            operation: operation(id), message: message,
            advice: "Bytes between this command and the agent were lost, repeated or changed.")
    }
}
