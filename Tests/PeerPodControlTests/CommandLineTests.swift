import Configuration
import JSON
import KataProtocol
import LinuxIO
import PeerPodProtocol
import PodNetwork
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import PeerPodControl

@Suite("The command line")
struct CommandLineTests {
    private let said = CapturedOutput()

    private func run(_ arguments: String..., environment: [String: String] = [:]) -> Int32 {
        PeerPodControlCommand.program(output: said.output).run(arguments, environment: environment)
    }

    @Test("refuses invalid arguments, with an error and status 125")
    func refusals() {
        #expect(run("run") == 125)
        #expect(said.error.contains("there is no command to run"))
        #expect(run("run", "-pods", "2", "-stdin", "--", "cat") == 125)
        #expect(said.error.contains("-stdin is only for one pod"))
        #expect(run("run", "-pods", "0", "--", "true") == 125)
        #expect(run("run", "-policy-file", "/nonexistent/policy", "--", "true") == 125)
        #expect(said.error.contains("-policy-file cannot be read"))
        #expect(run("run", "-network", "-netns", "/run/netns/web", "--", "true") == 125)
        #expect(said.error.contains("give one of the two"))
        #expect(run("frobnicate") == 125)
        #expect(said.standard.isEmpty)
    }

    @Test("passes the command and its flags on unchanged, after its own flags")
    func command() throws {
        let arguments = [
            "-name=web", "--annotation", "a=b,c", "--pods", "20", "-concurrency=50", "--", "ls", "-l", "--",
        ]
        guard case .run(let options, let command) = try RunOptions.command.parse(arguments, environment: [:]) else {
            Issue.record("parsed as a call for help")
            return
        }
        let plan = try options.plan(command)
        #expect(plan.command == ["ls", "-l", "--"])
        #expect(plan.annotations == ["a": "b,c"])
        #expect(plan.concurrency == 20, "the number of pods limits the concurrency")
        #expect(plan.podNames.first == "web-01" && plan.podNames.last == "web-20")
    }

    @Test("-network without the capabilities reports the missing ones and what to do, before it creates anything")
    func withoutRights() throws {
        let none = NetworkCapabilities(status: "CapEff:\t0000000000000000\n")
        let failure = try #require(throws: PodFailure.self) { try RunCommand.check(none) }
        #expect(failure.message.contains("lacks NET_ADMIN and SYS_ADMIN"))
        #expect(failure.advice.contains("as root"))
        try RunCommand.check(NetworkCapabilities(status: "CapEff:\t000001ffffffffff\n"))
    }

    @Test("the help of run explains the exit statuses")
    func help() {
        #expect(run("help", "run") == 0)
        #expect(said.standard.contains("125"))
        #expect(said.standard.contains("REMOTE_HYPERVISOR_ENDPOINT"))
    }

    @Test("version prints the project's version")
    func version() {
        #expect(run("version") == 0)
        #expect(said.standard == "peerpodctl \(ProjectVersion.text)\n")
    }

    @Test("status without an adaptor asks whether an adaptor runs, names the socket and fails")
    func noAdaptor() throws {
        let directory = try TemporaryDirectory()
        #expect(run("status", environment: ["REMOTE_HYPERVISOR_ENDPOINT": directory.path + "/none.sock"]) == 125)
        #expect(said.error.contains("no process listens on the socket \(directory.path)/none.sock"))
        #expect(said.error.contains("Start cloud-api-adaptor"))
        #expect(said.standard.isEmpty)
    }

    @Test("status shows every sandbox in a table, oldest first as the adaptor lists them, or as JSON")
    func status() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/hypervisor.sock"
        let said = said
        try await onLoop { loop in
            let listener = try Listener.listen(on: .unix(path: path), loop: loop)
            let sandbox = SandboxStatus.with {
                $0.id = String(repeating: "0a", count: 32)
                $0.podName = "web"
                $0.podNamespace = "shop"
                $0.state = "running"
                $0.vm = "podvm-web-0a0a0a0a"
                $0.address = "10.0.0.4"
                $0.created = WallTime.now.secondsSinceEpoch - 300
                $0.failure = "Its VM no longer exists."
                ($0.size, $0.zone, $0.tee) = ("Standard_DC2es_v6", "2", "tdx")
            }
            let server = Server(
                Service.services(of: [
                    Sandboxes.list.handled { _, _ in .with { $0.sandboxes = [sandbox] } }
                ]), on: loop)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await server.serve(listener) }
                for isJSON in [false, true] {
                    let command = StatusCommand(
                        options: StatusOptions(socket: path, isJSON: isJSON), output: said.output)
                    #expect(await command.show(on: loop, isRepeated: false) == 0)
                }
                group.cancelAll()
            }
        }
        let parts = said.standard.split(separator: "[", maxSplits: 1)
        #expect(
            parts[0] == """
                SANDBOX       STATE    POD       VM                  SIZE               TEE  ADDRESS   AGE
                0a0a0a0a0a0a  running  shop/web  podvm-web-0a0a0a0a  Standard_DC2es_v6  tdx  10.0.0.4   5m

                0a0a0a0a0a0a: Its VM no longer exists.

                """)
        let document = try JSONValue(parsing: Array("[\(parts[1])".utf8))
        let first = try JSONNode(try #require(document.arrayValue?.first))
        #expect(try first.string("id").count == 64)
        #expect(try first.string("state") == "running")
        #expect(try first.string("failure") == "Its VM no longer exists.")
    }

    @Test(
        "status shows the list of a hostile adaptor, in a table and as JSON, without characters that control a terminal"
    )
    func hostileStatus() async throws {
        let evil = "a\u{1b}[2J\u{9b}31m\u{7f}\u{202e}b\u{2066}\u{200b}\u{61c}\n\r\u{2028}\u{e0041}c"
        let sandboxes = [Int64.min, .max, 0].map { created in
            SandboxStatus.with {
                ($0.id, $0.podName, $0.podNamespace, $0.state) = (evil, evil, evil, evil)
                ($0.vm, $0.address, $0.created, $0.failure) = (evil, evil, created, evil)
                ($0.size, $0.zone, $0.tee) = (evil, evil, evil)
            }
        }
        for isJSON in [false, true] {
            let said = CapturedOutput()
            await #expect(try show(sandboxes, isJSON: isJSON, said) == 0)
            #expect(said.standard.unicodeScalars.allSatisfy { $0.isPrintable || $0 == "\n" })
            #expect(said.standard.contains("\\u202eb\\u2066\\u200b\\u061c\\n\\r\\u2028\\udb40\\udc41c"))
            if isJSON {
                let list = try #require(try JSONValue(parsing: Array(said.standard.utf8)).arrayValue)
                #expect(try list.map { try JSONNode($0).string("pod") } == [evil, evil, evil])
            } else {
                let lines = said.standard.split(separator: "\n")
                #expect(lines.count == 7 && lines[1...3].allSatisfy { $0.hasSuffix(" unknown") })
            }
        }
    }

    @Test("an error from the adaptor cannot control the terminal that shows it")
    func hostileError() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/hypervisor.sock"
        let said = said
        try await onLoop { loop in
            let listener = try Listener.listen(on: .unix(path: path), loop: loop)
            let server = Server(
                Service.services(of: [
                    Sandboxes.list.handled { _, _ in throw Status(.internal, "no\u{9b}2J\u{202e}\u{7}") }
                ]), on: loop)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await server.serve(listener) }
                let command = StatusCommand(options: StatusOptions(socket: path), output: said.output)
                #expect(await command.show(on: loop, isRepeated: false) == 125)
                group.cancelAll()
            }
        }
        #expect(said.error.contains("no\\u009b2J\\u202e\\u0007"))
        #expect(said.error.unicodeScalars.allSatisfy { $0.isPrintable || $0 == "\n" })
    }

    /// Shows what an adaptor with these sandboxes lists; returns the exit status.
    private func show(_ sandboxes: [SandboxStatus], isJSON: Bool, _ said: CapturedOutput) async throws -> Int32 {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/hypervisor.sock"
        return try await onLoop { loop in
            let listener = try Listener.listen(on: .unix(path: path), loop: loop)
            let server = Server(
                Service.services(of: [Sandboxes.list.handled { _, _ in .with { $0.sandboxes = sandboxes } }]), on: loop)
            return await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await server.serve(listener) }
                defer { group.cancelAll() }
                return await StatusCommand(
                    options: StatusOptions(socket: path, isJSON: isJSON), output: said.output
                ).show(on: loop, isRepeated: false)
            }
        }
    }

    @Test("stop accepts names, namespaces with names, ids and their beginnings, or all sandboxes, and stops no others")
    func stop() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/hypervisor.sock"
        let (said, ids) = (said, ["0a0b", "0a0c", "1d"].map { $0 + String(repeating: "0", count: 60) })
        let stopped = Lock<[String]>([])
        try await onLoop { loop in
            let listener = try Listener.listen(on: .unix(path: path), loop: loop)
            let server = Server(
                Service.services(of: [
                    Sandboxes.list.handled { _, _ in
                        .with { list in
                            list.sandboxes = zip(ids, ["shop/web", "blog/web", "shop/db"]).map { id, pod in
                                SandboxStatus.with {
                                    $0.id = id
                                    ($0.podNamespace, $0.podName) = (String(pod.prefix(4)), String(pod.dropFirst(5)))
                                }
                            }
                        }
                    },
                    Hypervisor.stopVM.handled { _, request in
                        stopped.withLock { $0.append(request.id) }
                        return Empty()
                    },
                ]), on: loop)
            func stop(_ operands: String..., all: Bool = false) async -> Int32 {
                let options = StopOptions(socket: path, stopsAll: all)
                return await StopCommand(options: options, operands: operands, output: said.output).stop(on: loop)
            }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await server.serve(listener) }
                #expect(await stop("0a0") == 125)
                #expect(await stop("1d", "ff") == 125)
                #expect(await stop("") == 125)
                #expect(await stop("db", "web") == 125)
                #expect(stopped.withLock { $0 }.isEmpty)
                #expect(await stop("1d", "0a0b", "0a0b0") == 0)
                #expect(stopped.withLock { $0 } == [ids[2], ids[0]])
                #expect(await stop(all: true) == 0)
                #expect(stopped.withLock { $0.count } == 5)
                #expect(await stop("db", "blog/web", "1d") == 0)
                #expect(stopped.withLock { $0.suffix(2) } == [ids[2], ids[1]])
                group.cancelAll()
            }
        }
        #expect(said.error.contains("\"0a0\" fits several sandboxes: 0a0b00000000 (shop/web), 0a0c00000000 (blog/web)"))
        #expect(said.error.contains("\"web\" fits several sandboxes: 0a0b00000000 (shop/web), 0a0c00000000 (blog/web)"))
        #expect(said.error.contains("no sandbox"))
    }

    @Test("stop requires names or all, and not both")
    func stopWithoutNames() {
        #expect(run("stop") == 125)
        #expect(run("stop", "-all", "0a") == 125)
        #expect(said.error.contains("one of the two"))
    }
}
