import PodVMBoot
import Testing

@Suite("Initdata")
struct InitdataTests {
    private let text = "algorithm = \"sha256\"\nversion = \"0.1.0\"\n\n[data]\n\"aa.toml\" = '''\n'''\n"

    @Test("unpacks what it packs, and packs the same text to the same bytes")
    func packed() throws {
        let initdata = try Initdata(text: Array(text.utf8))
        #expect(try Initdata(packed: initdata.packed) == initdata)
        #expect(initdata.packed == initdata.packed)
        #expect(initdata.packed.hasPrefix("H4sI"))
    }

    @Test("unpacks the output of gzip and base64, with or without line breaks")
    func foreign() throws {
        // printf 'version = "0.1.0"\n' | gzip -9n | base64
        let packed = "H4sIAAAAAAACAytLLSrOzM9TsFVQMtAz1DNQ4gIA7xmeqhIAAAA="
        #expect(try Initdata(packed: packed).text == Array("version = \"0.1.0\"\n".utf8))
        let broken = packed.prefix(20) + "\n" + packed.dropFirst(20) + "\n"
        #expect(try Initdata(packed: String(broken)).text == Array("version = \"0.1.0\"\n".utf8))
    }

    @Test("refuses data that is not packed this way, or not complete")
    func malformed() throws {
        let packed = try Initdata(text: Array(text.utf8)).packed
        let cut = String(packed.prefix(packed.utf8.count / 8 * 4))
        for text in [
            "", "?", "H4sI", "AAAA", "version = 1", cut, "\(packed)=", "=\(packed)", "\(packed)AAAA", " \(packed)",
        ] {
            #expect(throws: BootError.self, "\(text)") { try Initdata(packed: text) }
        }
    }

    @Test("refuses content that is not text, or is too long after decompression")
    func limits() throws {
        #expect(throws: BootError.self) { try Initdata(text: []) }
        #expect(throws: BootError.self) { try Initdata(text: [0x61, 0]) }
        #expect(throws: BootError.self) { try Initdata(text: [0xFF]) }
        let largest = try Initdata(text: [UInt8](repeating: 0x61, count: Initdata.sizeLimit))
        #expect(largest.packed.utf8.count < 2000)
        #expect(try Initdata(packed: largest.packed) == largest)
        let error = #expect(throws: BootError.self) {
            try Initdata(text: [UInt8](repeating: 0x61, count: Initdata.sizeLimit + 1))
        }
        #expect(error?.code == .tooLarge)
    }

    @Test("stops the decompression of a gzip bomb at the limit")
    func bomb() throws {
        // Sixteen members, each of which is as much as is allowed in all.
        let largest = try Initdata(text: [UInt8](repeating: 0x61, count: Initdata.sizeLimit)).packed
        let member = try #require(OtherBase64.decode(largest))
        let many = OtherBase64.encode(Array(repeatElement(member, count: 16).joined()))
        let error = #expect(throws: BootError.self) { try Initdata(packed: many) }
        #expect(error?.code == .tooLarge)
    }
}
