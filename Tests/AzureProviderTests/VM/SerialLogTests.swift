import AzureDoubles
import HTTPTransport
import JSON
import PodVMLifecycle
import Testing

@testable import AzureProvider

private typealias Fixture = ProviderFixture

@Suite("The serial log of a VM that has switched itself off")
struct SerialLogTests {
    private static let action = "\(Fixture.vm)/retrieveBootDiagnosticsData"
    private static let blob = "https://logs.blob.test/bootdiagnostics/serial.log?sig=hush-hush"
    private static let reason = "provision: user data: it has no initdata, and this image starts no pod without it"

    private static let stopped = ScriptedARM.Reply.json(
        200,
        [
            "name": .string(Example.vm.rawValue), "location": "westeurope",
            "properties": [
                "provisioningState": "Succeeded",
                "instanceView": ["statuses": [["code": "PowerState/stopped", "level": "Info"]]],
            ],
        ])

    private func failure(_ azure: Fixture) async -> ProviderError? {
        azure.arm.on("GET", Fixture.vm, Self.stopped)
        return await azure.failure { try await PowerWatch(context: azure.provider.context, id: Example.vm).run() }
    }

    @Test("its last lines are in the error, without control characters and terminal codes")
    func inError() async throws {
        let azure = try Fixture()
        azure.arm.on("POST", Self.action, .json(200, ["serialConsoleLogBlobUri": .string(Self.blob)]))
        let log =
            String(repeating: "old line\n", count: 50) + "\u{1B}[0;1;39m[ 94.7] \(Self.reason)\u{1B}[0m\r\n\0\0\0"
            + "[ 98.7] reboot: Power down\r\n"
        azure.arm.on("GET", "/bootdiagnostics/serial.log", .bytes(200, "text/plain", log))
        let error = await failure(azure)
        #expect(error?.code == .operationFailed)
        let expected = "The end of its serial log: old line | "
        #expect(error?.detail.contains(expected) == true, "\(error?.detail ?? "")")
        #expect(error?.detail.contains("[ 94.7] \(Self.reason) | [ 98.7] reboot: Power down") == true)
        #expect(error?.detail.contains("\u{1B}") == false)
        let read = azure.arm.requests.first { $0.url == Self.blob }
        #expect(read?.method == "GET")
        #expect(read?.headers["Authorization"] == nil, "the storage account gets no token")
    }

    @Test(
        "an error without it says how to get it, and the log says why it could not be read, without its address",
        arguments: [
            (ScriptedARM.Reply.refusal(403, "AuthorizationFailed"), "AuthorizationFailed"),
            (.json(200, ["serialConsoleLogBlobUri": .string(blob)]), "status 404"),
            (.json(200, [:]), nil), (.json(200, ["serialConsoleLogBlobUri": "http://logs.blob.test/x"]), nil),
            (.json(200, ["serialConsoleLogBlobUri": "https://user@logs.blob.test/x"]), nil),
            (.json(200, ["serialConsoleLogBlobUri": "file:///etc/passwd"]), nil), (.broken, "hung up"),
        ] as [(ScriptedARM.Reply, String?)])
    func unreadable(reply: ScriptedARM.Reply, words: String?) async throws {
        let azure = try Fixture()
        azure.arm.on("POST", Self.action, reply)
        let error = await failure(azure)
        #expect(error?.detail.contains("Read the VM's serial console log") == true)
        let lines = azure.log.filter { $0.contains("Could not read the VM's serial log") }
        #expect(lines.count == (words == nil ? 0 : 1))
        if let words { #expect(lines.first?.contains(words) == true, "\(lines)") }
        #expect(!azure.log.contains { $0.contains("hush-hush") })
    }

    @Test("any bytes of a guest give few printable characters")
    func hostile() {
        #expect(SerialLog.end(of: []) == nil)
        #expect(SerialLog.end(of: [0, 0, 10, 13, 27]) == nil)
        #expect(SerialLog.end(of: Array("\u{1B}[".utf8)) == nil)
        var seed: UInt8 = 7
        let noise = (0..<100_000).map { _ -> UInt8 in
            seed = seed &* 37 &+ 11
            return seed
        }
        for bytes in [
            noise, [UInt8](repeating: 0x61, count: 100_000), Array(String(repeating: "é\n", count: 9000).utf8),
        ] {
            let end = SerialLog.end(of: bytes) ?? ""
            #expect(end.count <= 1501)
            #expect(end.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) })
        }
    }
}
