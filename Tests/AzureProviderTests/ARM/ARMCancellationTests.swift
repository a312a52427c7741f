import AzureDoubles
import Doubles
import HTTPTransport
import JSON
import LinuxIO
import Testing

@testable import AzureProvider

@Suite("A call to Azure that is cancelled")
struct ARMCancellationTests {
    private static let path = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-1"
    private let arm = ScriptedARM()
    private let request = ARMRequest("PUT", path, apiVersion: "2024-07-01")

    private func isCancelled(_ call: Task<ARMAnswer, any Error>) async {
        call.cancel()
        let error = await #expect(throws: ARMError.self) { try await call.value }
        #expect(error?.kind == .cancelled)
    }

    @Test("before it starts sends nothing")
    func before() async {
        let client = arm.client(InstantClock())
        let signal = Event()
        let call = Task {
            await Task { await signal.wait() }.value
            return try await client.send(request)
        }
        call.cancel()
        signal.set()
        await isCancelled(call)
        #expect(arm.calls.isEmpty)
    }

    @Test("while it waits for a token, an answer, or the next try, ends soon and sends nothing more")
    func during() async {
        let clock = ManualClock()
        let client = arm.client(clock)
        arm.on("POST", "/token", .hang)
        var call = Task { try await client.send(request) }
        await arm.arrivals.reached("POST /tenant/oauth2/v2.0/token")
        await isCancelled(call)
        #expect(arm.calls.isEmpty)

        arm.on("POST", "/token", .json(200, ["expires_in": 3600, "access_token": "t1"]))
        arm.on("PUT", "/vm-1", .hang)
        call = Task { try await client.send(request) }
        await arm.arrivals.reached("PUT \(Self.path)", 1)
        await isCancelled(call)
        #expect(arm.calls.count == 1)

        arm.on("PUT", "/vm-1", .empty(503))
        call = Task { try await client.send(request) }
        await clock.slept(1)
        await isCancelled(call)
        #expect(arm.calls.count == 2)
    }

    @Test("while the node is throttled ends soon, and does not delay the next call")
    func throttled() async throws {
        let clock = ManualClock()
        let client = arm.client(clock)
        arm.on("PUT", "/vm-1", .empty(429, [("Retry-After", "30")]), .json(200, [:]))
        let first = Task { try await client.send(request) }
        await clock.slept(1)
        let second = Task { try await client.send(request) }
        await isCancelled(first)
        await clock.slept(2)
        clock.advance(by: .seconds(30))
        _ = try await second.value
        #expect(arm.calls.count == 2)
    }

    @Test("while it watches an operation ends soon")
    func operation() async throws {
        let clock = ManualClock()
        let client = arm.client(clock)
        let answer = ARMAnswer(status: 201, headers: ["Azure-AsyncOperation": "https://management.test/op"])
        let watch = Task { try await client.finish(answer, of: request) }
        await clock.slept(1)
        watch.cancel()
        let error = await #expect(throws: ARMError.self) { try await watch.value }
        #expect(error?.kind == .cancelled)
        #expect(arm.calls.isEmpty)
    }
}
