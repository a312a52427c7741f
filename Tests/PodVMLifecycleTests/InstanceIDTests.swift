import Doubles
import LinuxIO
import PodVMLifecycle
import Testing

@Suite("GetInfo")
struct InstanceIDTests {
    @Test("returns a pod's VM once it exists")
    func named() async throws {
        let node = Node()
        try await node.run { supervisor in
            #expect(
                await failure { _ = try await supervisor.instanceID(pod: "nginx", namespace: "default", wait: false) }?
                    .code == .notFound)
            _ = try await supervisor.create(request("0a1b2c3d"))
            try await supervisor.start(request("0a1b2c3d").id)
            let name = try await supervisor.instanceID(pod: "nginx", namespace: "default", wait: false)
            #expect(name == "podvm-nginx-0a1b2c3d")
            #expect(
                await failure { _ = try await supervisor.instanceID(pod: "nginx", namespace: "other", wait: false) }?
                    .code == .notFound)
        }
    }

    @Test("waits for a pod's VM, and ignores those of other pods")
    func waiting() async throws {
        let node = Node()
        try await node.run { supervisor in
            async let name = supervisor.instanceID(pod: "late", namespace: "default", wait: true)
            for (id, pod) in [("0a1b2c3d", "other"), ("1a1b2c3d", "late")] {
                _ = try await supervisor.create(request(id, pod: pod))
                try await supervisor.start(request(id).id)
            }
            #expect(try await name == "podvm-late-1a1b2c3d")
        }
    }

    @Test("stops waiting when its caller closes the connection")
    func hangUp() async throws {
        let node = Node()
        try await node.run { supervisor in
            let call = Task {
                await failure { _ = try await supervisor.instanceID(pod: "nginx", namespace: "default", wait: true) }
            }
            call.cancel()
            #expect(await call.value?.code == .cancelled)
        }
    }
}
