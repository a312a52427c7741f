import LinuxIO
import TestSupport
import Testing

@Suite("-cloud-config-verify", .enabled(if: RunningDaemon.isBuiltWhole, "the programs are not built"))
struct AzureVerificationTests {
    @Test("makes the adaptor exit with 1 where no pod could start, and says why")
    func bad() async throws {
        let directory = try TemporaryDirectory()
        let scenario = directory.path + "/scenario.json"
        let faults = #"{"image": {"here": false}, "open-ports": [22], "quota": {"machines": 0}}"#
        try Files.write(faults.utf8, to: scenario, at: 0)
        try await onLoop { loop in
            var daemon = try RunningDaemon(
                in: directory.path, on: loop, arguments: ["-cloud-config-verify", "-fake-scenario", scenario])
            try await daemon.readLog()
            #expect(try await daemon.process.wait() == .exited(1))
            for words in ["is not replicated to eastus", "drops the agent's connection", "room for 0 more"] {
                #expect(daemon.log.contains(words), "\(daemon.log)")
            }
            #expect(!Files.exists(daemon.socket), "no client could connect")
        }
    }

    @Test("lets the adaptor start where pods can start, and where Azure does not answer")
    func good() async throws {
        let directory = try TemporaryDirectory()
        let away = [
            "AZURE_SUBSCRIPTION_ID": "s", "AZURE_REGION": "eastus", "AZURE_RESOURCE_GROUP": "g",
            "AZURE_SUBNET_ID":
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n",
            "AZURE_IMAGE_ID": "/CommunityGalleries/g/Images/i/Versions/1.0.0",
            "AZURE_IMDS_ENDPOINT": "http://127.0.0.1:9",
        ]
        try await onLoop { loop in
            for environment in [[:], away] {
                let daemon = try RunningDaemon(
                    in: directory.path, on: loop, manager: environment.isEmpty ? "one" : "two",
                    arguments: ["-cloud-config-verify"], environment: environment)
                #expect(try await daemon.notification() == "READY=1")
                daemon.process.signal(Signals.terminate)
                #expect(try await daemon.process.wait() == .exited(0))
            }
        }
    }
}
