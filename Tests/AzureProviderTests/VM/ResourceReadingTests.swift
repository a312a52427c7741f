import JSON
import Testing

@testable import AzureProvider

@Suite("Azure's descriptions of its resources")
struct ResourceReadingTests {
    @Test("reach paths and logs only as valid names, valid addresses and single lines")
    func hostile() throws {
        let id: JSONValue = .string("\(Example.group)/Microsoft.Network/networkInterfaces/../../x\n")
        let documents: [JSONValue] = [
            ["name": "../x"], ["name": "a\nb"],
            [
                "name": "ok",
                "properties": ["vmId": "a\nb", "hardwareProfile": ["vmSize": "\u{1b}x"], "timeCreated": "\0"],
            ],
            ["name": "ok", "id": .string("\(Example.group)/Microsoft.Compute/disks/ok\n")],
            ["name": .string(String(repeating: "a", count: 9000))],
            [
                "name": "ok",
                "properties": [
                    "networkProfile": ["networkInterfaces": [["id": id]]],
                    "instanceView": [
                        "statuses": [["code": "ProvisioningState/failed/\n\u{1b}[2J", "message": "\r\n\0"]]
                    ],
                    "ipConfigurations": [
                        ["properties": ["privateIPAddress": "10.0.0.4 --", "publicIPAddress": ["id": id]]]
                    ],
                    "virtualMachine": ["id": id],
                ],
            ],
            Example.sku("Standard_\n", family: "f\n"),
        ]
        for text in documents.flatMap({ ResourceReading.texts(of: ["value": [$0]]) }) {
            #expect(text.unicodeScalars.count < 3000)
            #expect(text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "\(text.debugDescription)")
            #expect(!text.contains("10.0.0.4"))
        }
    }

    @Test("include what the cloud says of a VM: its id, its size and its time")
    func details() throws {
        let machine = try VirtualMachine(
            try JSONNode([
                "name": "ok",
                "properties": [
                    "vmId": "1f6a7b2c-0000-4000-8000-000000000001",
                    "hardwareProfile": ["vmSize": "Standard_DC2es_v6"], "timeCreated": "2026-08-21T09:05:07Z",
                ],
            ]))
        #expect(machine.vmID == "1f6a7b2c-0000-4000-8000-000000000001")
        #expect(machine.size == "Standard_DC2es_v6")
        #expect(machine.created == 1_787_303_107)
    }

    @Test("are parsed unchanged when they are valid")
    func good() {
        let texts = ResourceReading.texts(of: ProviderFixture.machine("Succeeded", nic: "podvm-nginx-0a1b2c3d-net"))
        #expect(texts.prefix(2) == ["podvm-nginx-0a1b2c3d", "podvm-nginx-0a1b2c3d-net"])
        let interface = ResourceReading.texts(of: ProviderFixture.interface("10.0.0.4", vm: "v", publicIP: "p"))
        #expect(Set(interface).isSuperset(of: ["10.0.0.4", "p", "v"]))
    }
}
