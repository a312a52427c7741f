import Configuration
import JSON
import LinuxIO
import PeerPodProtocol
import TTRPC
import TestSupport
import Testing

@testable import PeerPodControl

@Suite("peerpodctl network")
struct NetworkCommandTests {
    private let said = CapturedOutput()

    /// Asks an adaptor that has one pod, shop/web, with that network; returns the exit status.
    private func ask(
        _ operand: String = "web", isJSON: Bool = false,
        answer: @escaping @Sendable () throws -> PodNetworkStatus
    ) async throws -> Int32 {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/hypervisor.sock"
        let said = said
        let id = String(repeating: "0a", count: 32)
        return try await onLoop { loop in
            let listener = try Listener.listen(on: .unix(path: path), loop: loop)
            let server = Server(
                Service.services(of: [
                    Sandboxes.list.handled { _, _ in
                        .with {
                            $0.sandboxes = [
                                .with {
                                    $0.id = id
                                    $0.podName = "web"
                                    $0.podNamespace = "shop"
                                    $0.vm = "podvm-web"
                                    $0.state = "running"
                                }
                            ]
                        }
                    },
                    Sandboxes.network.handled { _, request in
                        #expect(request.id == id)
                        return try answer()
                    },
                ]), on: loop)
            return await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await server.serve(listener) }
                defer { group.cancelAll() }
                let command = NetworkCommand(
                    options: NetworkOptions(socket: path, isJSON: isJSON), operand: operand, output: said.output)
                return await command.show(on: loop, isRepeated: false)
            }
        }
    }

    @Test("shows the pod and the path of its network, and ends with 0 when there is no fault")
    func sound() async throws {
        await #expect(try ask { soundNetwork() } == 0)
        let lines = said.standard.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.first == "pod shop/web, sandbox 0a0a0a0a0a0a, VM podvm-web, running")
        #expect(lines.dropFirst().allSatisfy { $0.isEmpty || $0.hasPrefix("  ") })
        #expect(said.standard.hasSuffix("\n  Both ends are as planned.\n"))
    }

    @Test("ends with 1 when there is a fault, and with 3 when the VM did not answer")
    func verdicts() async throws {
        await #expect(
            try ask {
                var status = soundNetwork()
                status.problems = ["vxlan1 is down."]
                return status
            } == 1)
        await #expect(
            try ask {
                var status = soundNetwork()
                status.silence = "no answer within 3 s"
                return status
            } == 3)
        await #expect(try ask { PodNetworkStatus() } == 0)
    }

    @Test("names the pod also in JSON")
    func json() async throws {
        await #expect(try ask("0a0a", isJSON: true) { soundNetwork() } == 0)
        let document = try JSONNode(JSONValue(parsing: said.standard))
        #expect(try document.string("pod") == "web")
        #expect(try document.string("sandbox").count == 64)
        #expect(try document.string("verdict") == "sound")
    }

    @Test("shows the adaptor's error, and fails with 125")
    func refused() async throws {
        await #expect(try ask { throw Status(.notFound, "the sandbox is gone") } == 125)
        #expect(said.error.contains("NOT_FOUND: the sandbox is gone"))
        await #expect(try ask { throw Status(.unimplemented, "no such method") } == 125)
        #expect(said.error.contains("its version"))
        await #expect(try ask("db") { soundNetwork() } == 125)
        #expect(said.error.contains("no pod on this node has the name \"db\""))
        #expect(said.standard.isEmpty)
    }

    @Test("requires exactly one pod")
    func operands() {
        let program = PeerPodControlCommand.program(output: said.output)
        #expect(program.run(["network"], environment: [:]) == 125)
        #expect(program.run(["network", "a", "b"], environment: [:]) == 125)
        #expect(said.error.contains("name one pod"))
    }
}
