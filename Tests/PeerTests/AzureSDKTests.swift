import Doubles
import JSON
import LinuxIO
import PodVMBoot
import TestSupport
import Testing

@Suite("Microsoft's own SDK for Azure")
struct AzureSDKTests {
    @Test(
        "creates, reads, updates and deletes VMs of the fake Azure over TLS",
        .enabled(if: AzureSDK.isAvailable, AzureSDK.need), .enabled(if: FakeAzureProgram.isBuilt, FakeAzureProgram.need)
    )
    func life() async throws {
        let directory = try TemporaryDirectory()
        let userData = try UserData(BootDocument(podName: "pod", podNamespace: "default")).encoded()
        let file = try directory.write(userData, to: "user-data")
        let recording = TrafficRecording.file()
        try await onLoop { loop in
            let flags = ["-tls"] + (recording.isEmpty ? [] : ["-record", recording])
            try await FakeAzureProgram.whileServing(flags, in: directory.path, on: loop) { environment in
                let run = try await AzureSDK.run("life.py", userData: file, environment: environment, on: loop)
                #expect(run.status == .exited(0), "\(run.errorText.suffix(4000))")
                let steps = try run.output.split(separator: UInt8(ascii: "\n")).map { line in
                    try JSONNode(JSONValue(parsing: Array(line))).string("step")
                }
                #expect(steps.last == "delete again")
                #expect(steps.count == 21, "\(steps)")
            }
        }
    }
}
