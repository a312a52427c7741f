import PodVMBoot
import Testing

@Suite("Network addresses")
struct NetworkAddressTests {
    @Test("takes addresses of both versions, as they are written")
    func addresses() {
        #expect(IPAddress("10.0.0.4")?.bytes == [10, 0, 0, 4])
        #expect(IPAddress("::")?.bytes == [UInt8](repeating: 0, count: 16))
        #expect(IPAddress("fe80::1:2")?.bytes == [0xFE, 0x80] + [UInt8](repeating: 0, count: 10) + [0, 1, 0, 2])
        #expect(IPAddress("1:2:3:4:5:6:7:8")?.bytes == [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8])
        #expect(IPAddress("::ffff:1.2.3.4")?.bytes.suffix(6) == [0xFF, 0xFF, 1, 2, 3, 4])
        #expect(IPAddress("FD00::AB")?.description == "FD00::AB")
    }

    @Test(
        "refuses all else",
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "1.2.3.-4", "+1.2.3.4", ":", ":::",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9", "1::2::3", "1:2:3:4::5:6:7:8", "12345::", "g::", "fe80::1%eth0", "1.2.3.4::", ":1::",
            "::1:",
        ])
    func noAddress(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("takes a prefix no longer than its address, and nothing but digits for it")
    func prefixes() {
        #expect(IPPrefix("10.0.0.4/0")?.length == 0)
        #expect(IPPrefix("10.0.0.4/32")?.length == 32)
        #expect(IPPrefix("::1/128")?.length == 128)
        #expect(IPPrefix("10.0.0.4/24")?.description == "10.0.0.4/24")
        for text in [
            "10.0.0.4", "10.0.0.4/", "10.0.0.4/33", "::1/129", "10.0.0.4/024", "10.0.0.4/+1", "/24", "1.2.3.4/1/2",
        ] {
            #expect(IPPrefix(text) == nil, "\(text)")
        }
    }

    @Test("takes an Ethernet address of six pairs")
    func hardware() {
        #expect(HardwareAddress("0A:58:0a:f4:00:13") != nil)
        for text in ["", "0a:58:0a:f4:00", "0a:58:0a:f4:00:1", "0a:58:0a:f4:00:1g", "0a-58-0a-f4-00-13"] {
            #expect(HardwareAddress(text) == nil, "\(text)")
        }
    }
}
