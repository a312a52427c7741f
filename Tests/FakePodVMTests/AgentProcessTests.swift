import KataProtocol
import LinuxIO
import TTRPC
import TestSupport
import Testing

@testable import FakeAgent

@Suite struct AgentProcessTests {
    @Test("runs a program with its arguments, environment and directory, and keeps its exit status")
    func runs() async throws {
        try await AgentFixture.run { agent in
            try await agent.start(
                ["sh", "-c", "echo \"$0 $1 $GREETING $(pwd)\"; echo oops >&2; exit 7", "a b", "c"],
                environment: ["GREETING=hello", "PATH=/usr/bin:/bin"], directory: "/tmp")
            #expect(try await agent.text() == "a b c hello /tmp\n")
            #expect(try await agent.text(AgentService.readStderr) == "oops\n")
            #expect(try await agent.wait() == 7)
            #expect(try await agent.wait() == 7, "a shim may ask again")
            #expect(try await agent.wait("") == 7, "an empty exec id is the container's first process")
        }
    }

    @Test("gives a process its own environment and no other")
    func environment() async throws {
        try await AgentFixture.run { agent in
            try await agent.start(["/usr/bin/env"], environment: ["A=1", "B=2=3", "A=4"])
            let lines = try await agent.text().split(separator: "\n").sorted()
            #expect(lines == ["A=4", "B=2=3"])
        }
    }

    @Test("echoes its input, and ends when the input ends")
    func echo() async throws {
        try await AgentFixture.run { agent in
            try await agent.start(["cat"])
            try await agent.write(Array("ping".utf8))
            #expect(try await agent.read() == Array("ping".utf8))
            try await agent.closeInput()
            #expect(try await agent.read() == nil)
            #expect(try await agent.wait() == 0)
            let late = WriteStreamRequest.with {
                ($0.containerID, $0.execID) = ("c1", "c1")
                $0.data = [1]
            }
            #expect(await agent.failure(of: AgentService.writeStdin, late)?.code == .failedPrecondition)
        }
    }

    @Test("carries ten megabytes of any bytes unchanged in both directions")
    func bulk() async throws {
        try await AgentFixture.run { agent in
            try await agent.start(["cat"])
            let sent = randomBytes(10_000_000, seed: 42)
            async let received = agent.readAll()
            for start in stride(from: 0, to: sent.count, by: 1 << 20) {
                try await agent.write(Array(sent[start..<min(start + 1 << 20, sent.count)]))
            }
            try await agent.closeInput()
            #expect(try await received == sent)
        }
    }

    @Test("keeps concurrent writes in order")
    func concurrentWrites() async throws {
        try await AgentFixture.run { agent in
            try await agent.start(["sh", "-c", "sleep 0.05; exec cat"])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for letter in "abc".utf8 {
                    group.addTask { try await agent.write(Array(repeating: letter, count: 100_000)) }
                }
                group.addTask {
                    var runs: [UInt8] = []
                    var count = 0
                    while count < 300_000, let bytes = try await agent.read() {
                        count += bytes.count
                        for byte in bytes where byte != runs.last { runs.append(byte) }
                    }
                    #expect(runs.count == 3, "no write's bytes are among another's")
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("a process ends by the signals that it gets", arguments: [(UInt32(15), Int32(143)), (9, 137), (2, 130)])
    func signals(number: UInt32, status: Int32) async throws {
        try await AgentFixture.run { agent in
            try await agent.start(["sleep", "1000"])
            try await agent.signal(number)
            #expect(try await agent.wait() == status)
            try await agent.signal(number)
        }
    }

    @Test("sends a signal without an exec id to all processes of a container")
    func signalAll() async throws {
        try await AgentFixture.run { agent in
            try await agent.start(["sh", "-c", "sleep 1000 & echo up; wait"])
            _ = try await agent.read()
            try await agent.signal(9, "")
            #expect(try await agent.wait() == 137)
            #expect(try await agent.read() == nil, "the background process held the output open")
        }
    }

    @Test("runs another process in a container, until the container's first ends")
    func exec() async throws {
        try await AgentFixture.run { agent in
            try await agent.start(["sh", "-c", "read line; exit 3"])
            let exec = ExecProcessRequest.with {
                ($0.containerID, $0.execID) = ("c1", "e1")
                $0.process = .with { $0.arguments = ["sh", "-c", "echo hi; exec sleep 1000"] }
            }
            _ = try await agent.call(AgentService.execProcess, exec)
            #expect(try await agent.read(exec: "e1") == Array("hi\n".utf8))
            #expect(await agent.failure(of: AgentService.execProcess, exec)?.code == .alreadyExists)
            try await agent.write(Array("\n".utf8))
            #expect(try await agent.wait() == 3)
            #expect(try await agent.wait("e1") == 137)
            let late = ExecProcessRequest.with { ($0.containerID, $0.execID, $0.process) = ("c1", "e2", exec.process) }
            #expect(await agent.failure(of: AgentService.execProcess, late)?.code == .failedPrecondition)
        }
    }

    @Test("does not start a program that does not exist, and names what is missing")
    func missing() async throws {
        try await AgentFixture.run { agent in
            let cases = [
                (["no-such-program"], ""), (["/no/such/program"], ""), (["/etc/passwd"], ""), (["true"], "/no/such"),
                ([], ""), ([""], ""),
            ]
            for (index, (arguments, directory)) in cases.enumerated() {
                let id = "c\(index)"
                let create = agent.create(arguments, id: id, directory: directory)
                _ = try await agent.call(AgentService.createContainer, create)
                let failure = await agent.failure(of: AgentService.startContainer, .with { $0.containerID = id })
                #expect(failure?.message.isEmpty == false)
                // Calls that wait for its output or its end fail as well.
                await #expect(throws: Status.self) { try await agent.wait(id, id: id) }
                await #expect(throws: Status.self) { try await agent.read(exec: id, id: id) }
            }
        }
    }

    @Test("gives a process a terminal on request, and resizes it")
    func terminal() async throws {
        try await AgentFixture.run { agent in
            let script = "test -t 0 && echo yes; read x; stty size; exit 4"
            try await agent.start(["sh", "-c", script], environment: ["PATH=/usr/bin:/bin"], terminal: true)
            #expect(try await agent.read() == Array("yes\r\n".utf8))
            let size = TtyWinResizeRequest.with {
                ($0.containerID, $0.execID) = ("c1", "c1")
                ($0.rows, $0.columns) = (33, 111)
            }
            _ = try await agent.call(AgentService.ttyWinResize, size)
            try await agent.write(Array("x\n".utf8))
            #expect(try await agent.text() == "x\r\n33 111\r\n")
            #expect(try await agent.wait() == 4)
        }
    }

    @Test("returns the output of a process that ended before the first read")
    func lateReader() async throws {
        try await AgentFixture.run { agent in
            try await agent.start(["echo", "said"])
            #expect(try await agent.wait() == 0)
            #expect(try await agent.text() == "said\n")
        }
    }
}
