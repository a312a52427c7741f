import KataProtocol
import LinuxIO
import PeerPodProtocol
import TTRPC
import TestSupport
import Testing

@testable import Gateway

@Suite("The gateway's forwarding")
struct ForwardingTests {
    @Test("passes a call on undecoded, with its metadata and its time, and the answer back")
    func whole() async throws {
        try await Rig.run { rig in
            let seen = Lock<(Call, [UInt8])?>(nil)
            _ = try await TestAdaptor("a", in: rig) { call, payload in
                seen.withLock { $0 = (call, payload) }
                return [4, 5]
            }
            let answer = try await rig.shim {
                try await $0.call(
                    "unknown.Service", "Method", [0xFF, 1, 2], timeout: .seconds(60),
                    metadata: ["a": "1", "b": "2", "a": "3"])
            }
            #expect(answer == [4, 5])
            let (call, payload) = try #require(seen.withLock { $0 })
            #expect(call.service == "unknown.Service" && call.method == "Method" && payload == [0xFF, 1, 2])
            #expect(call.metadata == ["a": "1", "b": "2", "a": "3"])
            let left = ContinuousClock.now.duration(to: try #require(call.deadline))
            #expect(left <= .seconds(60))
            #expect(try await rig.status.forwardedCalls == 1)
        }
    }

    @Test("passes the adaptor's error back, with its details, and does not send the call again")
    func error() async throws {
        try await Rig.run { rig in
            let calls = Lock(0)
            let refusal = Status(.unavailable, "no", details: [0x1A, 1, 7])
            _ = try await TestAdaptor("a", in: rig) { _, _ in
                calls.withLock { $0 += 1 }
                throw refusal
            }
            await #expect(throws: refusal) {
                try await rig.shim { try await $0.call("s", "m", []) }
            }
            #expect(calls.withLock { $0 } == 1)
        }
    }

    @Test("sends a call again to the next adaptor when the adaptor is killed before it answers")
    func resent() async throws {
        try await Rig.run { rig in
            let arrived = Event()
            let first = try await TestAdaptor("a", in: rig) { _, _ in
                arrived.set()
                await Event().wait()
                return []
            }
            let answer = Lock<[UInt8]?>(nil)
            rig.pool.start {
                let bytes = try? await rig.shim { try await $0.call("s", "m", [7]) }
                answer.withLock { $0 = bytes }
            }
            await arrived.wait()
            first.kill()
            try await eventually(on: rig.loop) { try await rig.status.waitingCalls == 1 }
            _ = try await TestAdaptor("b", in: rig) { _, payload in payload + [8] }
            try await eventually(on: rig.loop) { answer.withLock { $0 } == [7, 8] }
            #expect(try await rig.status.resentCalls == 1)
        }
    }

    @Test("waits for an adaptor until the call's own deadline")
    func deadline() async throws {
        try await Rig.run { rig in
            let error = await #expect(throws: Status.self) {
                try await rig.shim { try await $0.call("s", "m", [], timeout: .milliseconds(50)) }
            }
            #expect(error?.code == .deadlineExceeded)
            try await eventually(on: rig.loop) { try await rig.status.waitingCalls == 0 }
        }
    }

    @Test("cancels the adaptor's call when the shim hangs up")
    func hangUp() async throws {
        try await Rig.run { rig in
            let (arrived, cancelled) = (Event(), Event())
            _ = try await TestAdaptor("a", in: rig) { _, _ in
                arrived.set()
                await withTaskCancellationHandler {
                    await Event().wait()
                } onCancel: {
                    cancelled.set()
                }
                return []
            }
            let shim = try await LinuxIO.Stream.connect(to: .unix(path: rig.options.hypervisorSocket), on: rig.loop)
            let client = Client(shim, on: rig.loop)
            rig.pool.start { await client.run() }
            rig.pool.start { _ = try? await client.call("s", "m", []) }
            await arrived.wait()
            client.close()
            await cancelled.wait()
        }
    }
}
