internal import Fuzzing
internal import KataProtocol
internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC

/// Makes calls as kata's shim does, with a connection for each call.
struct Shim: Sendable {
    let server: Server
    let loop: EpollLoop

    /// One call, and after how many turns of the loop the shim dies, if at all.
    struct Step: Sendable {
        let service: String
        let method: String
        let request: [UInt8]
        let timeout: Duration?
        let life: Int?

        init(_ dice: inout Dice) {
            let id = ["a", "b", "c-1"][dice.number(below: 3)]
            let vm = VMRequest.with { $0.id = id }.encoded
            (service, method, request) =
                switch dice.number(below: 8) {
                case 0, 1: (Hypervisor.service, "CreateVM", Step.create(id, &dice))
                case 2, 3: (Hypervisor.service, "StartVM", vm)
                case 4: (Hypervisor.service, "StopVM", vm)
                case 5: ("podvminfo.PodVMInfo", "GetInfo", Step.info(&dice))
                case 6: ("peerpod.v1.Sandboxes", "List", [])
                default: (Hypervisor.service, ["CreateVM", "StartVM", "StopVM"][dice.number(below: 3)], dice.bytes())
                }
            // A call that waits for a pod that never starts must end.
            let hasTimeout = service == "podvminfo.PodVMInfo" || dice.number(below: 8) == 0
            timeout = hasTimeout ? .microseconds(100 * dice.number(below: 20)) : nil
            life = dice.number(below: 4) == 0 ? dice.number(below: 32) : nil
        }

        private static func create(_ id: String, _ dice: inout Dice) -> [UInt8] {
            CreateVMRequest.with {
                $0.id = id
                $0.annotations = [
                    Annotation.podName: "pod-\(dice.number(below: 2))", Annotation.podNamespace: "default",
                    Annotation.vcpus: "\(dice.number(below: 4))",
                ]
            }.encoded
        }

        private static func info(_ dice: inout Dice) -> [UInt8] {
            GetInfoRequest.with {
                $0.podName = "pod-\(dice.number(below: 3))"
                $0.podNamespace = "default"
                $0.wait = dice.number(below: 2) == 1
            }.encoded
        }
    }

    /// Makes the call and returns when the call has ended, with any result.
    func take(_ step: Step) async {
        do {
            let (near, far) = try Stream.pair(on: loop)
            async let served: Void = server.serve(far)
            try await call(step, on: near)
            await served
        } catch {
            fail("no sockets: \(error)")
        }
    }

    private func call(_ step: Step, on stream: Stream) async throws {
        try await Client.with(stream, on: loop) { client in
            async let answer = try? client.call(step.service, step.method, step.request, timeout: step.timeout)
            if let life = step.life {
                for _ in 0..<life { await loop.yield() }
                client.close()
            }
            _ = await answer
        }
    }
}
