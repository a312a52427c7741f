import PodNetwork
import Testing

@Suite("an address as text")
struct NetAddressTests {
    @Test("is parsed in both IP versions, and printed in the usual form")
    func addresses() {
        #expect(NetAddress("10.0.0.4")?.bytes == [10, 0, 0, 4])
        #expect(NetAddress("::")?.bytes == [UInt8](repeating: 0, count: 16))
        #expect(NetAddress("fe80::1:2")?.bytes == [0xFE, 0x80] + [UInt8](repeating: 0, count: 10) + [0, 1, 0, 2])
        #expect(NetAddress("1:2:3:4:5:6:7:8")?.bytes == [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8])
        #expect(NetAddress("::ffff:1.2.3.4")?.bytes.suffix(6) == [0xFF, 0xFF, 1, 2, 3, 4])
        #expect(NetAddress("FD00::AB")?.description == "fd00::ab")
    }

    @Test(
        "is refused when it is malformed, as in Go",
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "1.2.3.-4", "+1.2.3.4", ":", ":::",
            "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::", "fe80::1%eth0", "1.2.3.4::", ":1::",
            "::1:", "1.2.3.4\0", "\u{FF11}.2.3.4",
        ])
    func noAddress(text: String) {
        #expect(NetAddress(text) == nil)
    }

    @Test("has a prefix length in digits, up to the address's length")
    func prefixes() {
        #expect(NetPrefix("10.0.0.4/0")?.length == 0)
        #expect(NetPrefix("10.0.0.4/32")?.length == 32)
        #expect(NetPrefix("::1/128")?.length == 128)
        #expect(NetPrefix("10.0.0.4/24")?.description == "10.0.0.4/24")
        for text in [
            "10.0.0.4", "10.0.0.4/", "10.0.0.4/33", "::1/129", "10.0.0.4/024", "10.0.0.4/+1", "/24", "1.2.3.4/1/2",
            "10.0.0.4/-1", "10.0.0.4/ 1",
        ] {
            #expect(NetPrefix(text) == nil, "\(text)")
        }
    }

    @Test("has six pairs for Ethernet")
    func hardware() {
        #expect(LinkAddress("0A:58:0a:f4:00:13")?.description == "0a:58:0a:f4:00:13")
        for text in [
            "", "0a:58:0a:f4:00", "0a:58:0a:f4:00:1", "0a:58:0a:f4:00:1g", "0a-58-0a-f4-00-13", "+a:58:0a:f4:00:13",
        ] {
            #expect(LinkAddress(text) == nil, "\(text)")
        }
    }
}
