import PodVMLifecycle
import Testing

@testable import PodVMLifecycle

@Suite("Sandbox record")
struct SandboxRecordTests {
    private func record() throws -> SandboxRecord {
        let request = SandboxRequest(
            id: try SandboxID(validating: "s1"), podName: "nginx", podNamespace: "default",
            networkNamespacePath: "/run/netns/cni-1",
            requirements: Requirements(machineType: "big", image: "img", vcpus: 2, memoryMiB: 4096, gpus: 1),
            initdata: "the owner's secret")
        var record = SandboxRecord(
            request, vm: InstanceID(rawValue: "podvm-nginx-1"), created: 1_767_225_600,
            owner: VMOwner(cluster: "test", node: "node-1"),
            scope: CloudScope(subscription: "s-1", resourceGroup: "pods"))
        record.vni = 555_001
        return record
    }

    /// The record as version 1 of the format had it.
    private func versionOne(_ state: String = "\"running\", \"addresses\": [\"10.0.0.4\"]") -> [UInt8] {
        Array(
            """
            {"version": 1, "sandbox": "s1", "pod": "nginx", "namespace": "default", "networkNamespace": "",
             "created": 1767225600, "vm": "podvm-nginx-1", "state": \(state)}
            """.utf8)
    }

    @Test("is the same after writing and parsing, in every state", arguments: SandboxStateTests.states)
    func roundTrip(state: SandboxState) throws {
        var record = try record()
        record.state = state
        #expect(try SandboxRecord(parsing: record.encoded) == record)
    }

    @Test("has the cloud's identifier of the VM, once the VM has addresses")
    func vmID() throws {
        var record = try record()
        record.state = .running(Instance(id: record.state.vm, addresses: ["10.0.0.4"], vmID: "0b1c"))
        #expect(try SandboxRecord(parsing: record.encoded).state.instance?.vmID == "0b1c")
    }

    @Test("of version 1 is read, and is written as version 2")
    func older() throws {
        let record = try SandboxRecord(parsing: versionOne())
        #expect(record.isOutdated && record.request == nil && !record.owner.isNamed && record.scope == .none)
        #expect(record.state.instance?.addresses == ["10.0.0.4"])
        var written = record
        written.isOutdated = false
        #expect(try SandboxRecord(parsing: record.encoded) == written)
    }

    @Test("with any one bit changed is refused with an error")
    func everyBit() throws {
        let bytes = try record().encoded
        for index in bytes.indices {
            for bit in 0..<8 {
                var broken = bytes
                broken[index] ^= 1 << bit
                let error = #expect(throws: RecordError.self, "bit \(bit) of byte \(index)") {
                    try SandboxRecord(parsing: broken)
                }
                #expect(error?.description.isEmpty == false)
            }
        }
    }

    @Test("cut at any byte is refused with an error")
    func truncated() throws {
        let bytes = try record().encoded
        for count in bytes.indices {
            #expect(throws: RecordError.self, "\(count) bytes") {
                try SandboxRecord(parsing: Array(bytes.prefix(count)), of: SandboxID(validating: "s1"))
            }
        }
    }

    @Test("of version 2 is not accepted as version 1")
    func downgraded() throws {
        let text = String(decoding: try record().encoded, as: UTF8.self)
        let other = text.replacing("\"version\": 2", with: "\"version\": 1")
        #expect(throws: RecordError.self) { try SandboxRecord(parsing: Array(other.utf8)) }
    }

    @Test("names the request by a hash in which every member counts")
    func fingerprint() throws {
        let first = try request("a", pod: "ab")
        var others = [first]
        for change in [
            { $0.podName = "abd" }, { $0.podNamespace = "x" }, { $0.networkNamespacePath = "/run/netns/x" },
            { $0.requirements.machineType = "" }, { $0.requirements.image = "" }, { $0.requirements.vcpus = 1 },
            { $0.requirements.memoryMiB = 1 }, { $0.requirements.gpus = 1 }, { $0.initdata = "" },
            { $0.initdata = "x" }, { ($0.podName, $0.podNamespace) = ("abdefault", "") },
        ] as [(inout SandboxRequest) -> Void] {
            var other = first
            change(&other)
            others.append(other)
        }
        #expect(Set(others.map(\.fingerprint)).count == others.count)
        #expect(try request("a", pod: "ab").fingerprint == first.fingerprint)
    }

    @Test("does not contain initdata")
    func noInitdata() throws {
        #expect(!String(decoding: try record().encoded, as: UTF8.self).contains("secret"))
    }

    @Test("ignores unknown members")
    func unknownMembers() throws {
        let text = String(decoding: versionOne(), as: UTF8.self)
        let more = text.replacing("\"version\"", with: "\"vxlan\": {\"id\": 5}, \"version\"", maxReplacements: 1)
        #expect(try SandboxRecord(parsing: Array(more.utf8)) == SandboxRecord(parsing: versionOne()))
    }

    @Test(
        "gives an error that says what is wrong with a damaged record",
        arguments: [
            ("", "line 1"),
            ("{", "line 1"),
            ("[]", "expected an object"),
            ("{\"version\": 3}", "version"),
            ("{\"version\": 2}", "checksum"),
            ("{\"version\": 1}", "sandbox"),
            ("{\"version\": 1, \"sandbox\": \"../x\"}", "sandbox"),
        ])
    func damaged(text: String, named: String) {
        let error = #expect(throws: RecordError.self) { try SandboxRecord(parsing: Array(text.utf8)) }
        #expect(error?.description.contains(named) == true, "\(error as Any)")
    }

    @Test("refuses an unknown state, and a booting VM without addresses")
    func unknownState() throws {
        for state in ["resting", "booting", "running", "failed"] {
            #expect(throws: RecordError.self) { try SandboxRecord(parsing: versionOne("\"\(state)\"")) }
        }
    }

    @Test("refuses more bytes than a record can have")
    func tooLong() throws {
        let padding = [UInt8](repeating: UInt8(ascii: " "), count: SandboxRecord.sizeLimit)
        #expect(throws: RecordError.self) { try SandboxRecord(parsing: record().encoded + padding) }
    }
}
