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

    @Test("have names of up to 255 bytes, split at a slash")
    func names() {
        let directory = Array(repeating: "directory", count: 12).joined(separator: "/")
        #expect(TarArchive.fits(directory + "/file"))
        #expect(!TarArchive.fits(String(repeating: "x", count: 101)))
        #expect(!TarArchive.fits(Array(repeating: directory, count: 3).joined(separator: "/")))
        var archive = TarArchive(time: 0)
        archive.add(directory + "/file", [])
        let (name, prefix) = (archive.bytes[0..<100], archive.bytes[345..<500])
        let parts = [prefix, name].map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        #expect(parts.joined(separator: "/") == directory + "/file")
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
