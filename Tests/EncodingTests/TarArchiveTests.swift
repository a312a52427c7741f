import Encoding
import Testing

@Suite("Tar archives")
struct TarArchiveTests {
    @Test("consist of blocks of 512 bytes, with a header of ustar before each file and two empty blocks at the end")
    func blocks() {
        var archive = TarArchive(time: 1_700_000_000)
        archive.add("a/b.txt", Array("hello".utf8))
        archive.add("empty", [])
        let bytes = archive.bytes
        #expect(bytes.count == 512 * 5)
        #expect(String(decoding: bytes[0..<7], as: UTF8.self) == "a/b.txt")
        #expect(String(decoding: bytes[100..<107], as: UTF8.self) == "0000600")
        #expect(String(decoding: bytes[124..<135], as: UTF8.self) == "00000000005")
        #expect(String(decoding: bytes[257..<262], as: UTF8.self) == "ustar")
        #expect(String(decoding: bytes[512..<517], as: UTF8.self) == "hello")
        #expect(bytes.suffix(1024).allSatisfy { $0 == 0 })
        // The checksum is that of the header with spaces in its place.
        var header = Array(bytes[0..<512])
        let stated = Int(String(decoding: header[148..<154], as: UTF8.self), radix: 8)
        header.replaceSubrange(148..<156, with: "        ".utf8)
        #expect(stated == header.reduce(0) { $0 + Int($1) })
    }

    @Test("are the same for the same files")
    func reproducible() {
        func make() -> [UInt8] {
            var archive = TarArchive(time: -5)
            archive.add("x", [1, 2, 3])
            return archive.bytes
        }
        #expect(make() == make())
    }
}
