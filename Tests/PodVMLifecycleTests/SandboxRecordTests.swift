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
        return SandboxRecord(request, vm: InstanceID(rawValue: "podvm-nginx-1"), created: 1_767_225_600)
    }

    @Test("is the same after writing and parsing, in every state", arguments: SandboxStateTests.states)
    func roundTrip(state: SandboxState) throws {
        var record = try record()
        record.state = state
        #expect(try SandboxRecord(parsing: record.encoded) == record)
    }

    @Test("does not contain initdata")
    func noInitdata() throws {
        #expect(!String(decoding: try record().encoded, as: UTF8.self).contains("secret"))
    }

    @Test("ignores unknown members")
    func unknownMembers() throws {
        let text = String(decoding: try record().encoded, as: UTF8.self)
        let more = text.replacing("\"version\"", with: "\"vxlan\": {\"id\": 5}, \"version\"", maxReplacements: 1)
        #expect(try SandboxRecord(parsing: Array(more.utf8)) == record())
    }

    @Test(
        "gives an error that says what is wrong with a damaged record",
        arguments: [
            ("", "line 1"),
            ("{", "line 1"),
            ("[]", "expected an object"),
            ("{\"version\": 2}", "version"),
            ("{\"version\": 1}", "sandbox"),
            ("{\"version\": 1, \"sandbox\": \"../x\"}", "sandbox"),
        ])
    func damaged(text: String, named: String) {
        let error = #expect(throws: RecordError.self) { try SandboxRecord(parsing: Array(text.utf8)) }
        #expect(error?.description.contains(named) == true, "\(error as Any)")
    }

    @Test("refuses an unknown state, and a booting VM without addresses")
    func unknownState() throws {
        let text = String(decoding: try record().encoded, as: UTF8.self)
        for state in ["resting", "booting", "running"] {
            let other = text.replacing("\"preparing\"", with: "\"\(state)\"")
            #expect(throws: RecordError.self) { try SandboxRecord(parsing: Array(other.utf8)) }
        }
    }

    @Test("refuses more bytes than a record can have")
    func tooLong() throws {
        let padding = [UInt8](repeating: UInt8(ascii: " "), count: SandboxRecord.sizeLimit)
        #expect(throws: RecordError.self) { try SandboxRecord(parsing: record().encoded + padding) }
    }

    @Test("with any one byte changed is parsed, or refused with an error, without a crash")
    func everyByte() throws {
        let bytes = try record().encoded
        for index in bytes.indices {
            for byte in [0, UInt8(ascii: "\""), UInt8(ascii: "}"), 0xff] as [UInt8] {
                var broken = bytes
                broken[index] = byte
                do throws(RecordError) { _ = try SandboxRecord(parsing: broken) } catch {
                    #expect(!error.description.isEmpty)
                }
            }
        }
    }
}
