import AzureProvider
import Doubles
import HTTPTransport
import JSON
import Telemetry
import Testing

@Suite("The client of Azure Resource Manager")
struct ARMClientTests {
    private static let machine = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-1"

    private func get(_ name: String = "vm-1") -> ARMRequest {
        let account = AzureAccount(ScriptedARM.options)
        return ARMRequest(
            "GET", account.resource("Microsoft.Compute", "virtualMachines", name), apiVersion: "2024-07-01")
    }

    @Test("sends one request with token, id and api-version, and does not wait on an idle node")
    func idle() async throws {
        let arm = ScriptedARM()
        let clock = ManualClock()
        arm.on("GET", "/virtualMachines/vm-1", .json(200, ["name": "vm-1"], [("x-ms-request-id", "r-1")]))

        let answer = try await arm.client(clock).send(get())

        #expect(answer.body?["name"] == "vm-1")
        #expect(answer.requestID == "r-1")
        #expect(arm.calls == ["GET \(Self.machine)?api-version=2024-07-01"])
        let request = try #require(arm.requests.last)
        #expect(request.url.hasPrefix("https://management.test/subscriptions/"))
        #expect(request.headers["Authorization"] == "Bearer t1")
        #expect(request.headers["Accept"] == "application/json")
        #expect(request.headers["x-ms-client-request-id"]?.count == 36)
        #expect(clock.naps.isEmpty)
    }
}
