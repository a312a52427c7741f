import PodNetwork
import TestSupport
import Testing

@testable import FakePodVM

@Suite("The DHCP server of a virtual machine")
struct DHCPServerTests {
    private static let own: [UInt8] = [0x02, 0, 198, 18, 4, 7]

    private func server() throws -> DHCPServer {
        DHCPServer(
            network: try #require(NetPrefix("198.18.4.7/22")), gateway: try #require(NetAddress("198.18.4.1")),
            hardwareAddress: Self.own)
    }

    /// A message as systemd-networkd sends it: a header, the magic number, options.
    private static func message(_ kind: UInt8, from hardware: [UInt8] = own, _ options: [UInt8] = []) -> [UInt8] {
        var bytes: [UInt8] = [1, 1, 6, 0, 0xDE, 0xAD, 0xBE, 0xEF] + [UInt8](repeating: 0, count: 228)
        for (index, byte) in hardware.enumerated() { bytes[28 + index] = byte }
        return bytes + [99, 130, 83, 99, 53, 1, kind] + options + [255]
    }

    private static func options(_ answer: [UInt8]) -> [UInt8: [UInt8]] {
        var rest = answer[240...]
        var found: [UInt8: [UInt8]] = [:]
        while let number = rest.popFirst(), number != 255, let count = rest.popFirst() {
            found[number] = Array(rest.prefix(Int(count)))
            rest = rest.dropFirst(Int(count))
        }
        return found
    }

    @Test("offers its one address with the routes, and confirms it")
    func lease() throws {
        let offer = try #require(try server().answer(to: Self.message(1, [61, 3, 7, 8, 9])))
        #expect(Array(offer[..<8]) == [2, 1, 6, 0, 0xDE, 0xAD, 0xBE, 0xEF], "the client's transaction")
        #expect(Array(offer[16..<20]) == [198, 18, 4, 7])
        #expect(offer.count >= 300)
        let options = Self.options(offer)
        #expect(options[53] == [2])
        #expect(options[1] == [255, 255, 252, 0])
        #expect(options[26] == [5, 220], "1500")
        #expect(options[51] == [255, 255, 255, 255])
        #expect(options[54] == [198, 18, 4, 1])
        #expect(options[121] == [32, 169, 254, 169, 254, 0, 0, 0, 0, 0, 198, 18, 4, 1])
        #expect(options[61] == [7, 8, 9], "the client's identifier")
        let confirmed = try #require(try server().answer(to: Self.message(3, [50, 4, 198, 18, 4, 7])))
        #expect(Self.options(confirmed)[53] == [5])
    }

    @Test("refuses another address, and answers no other host and no other message")
    func others() throws {
        let refusal = try #require(try server().answer(to: Self.message(3, [50, 4, 10, 0, 0, 1])))
        #expect(Self.options(refusal)[53] == [6])
        #expect(Array(refusal[16..<20]) == [0, 0, 0, 0])
        #expect(try server().answer(to: Self.message(1, from: [2, 0, 198, 18, 4, 8])) == nil)
        for kind in [0, 2, 4, 5, 6, 7, 8, 255] as [UInt8] {
            #expect(try server().answer(to: Self.message(kind)) == nil)
        }
    }

    @Test("answers no bytes that are not a whole message, and survives any bytes")
    func hostile() throws {
        let server = try server()
        let message = Self.message(1, [61, 3, 7, 8, 9])
        for count in 0..<message.count - 1 where count < 243 {
            #expect(server.answer(to: Array(message[..<count])) == nil, "\(count)")
        }
        #expect(server.answer(to: Array(message.dropLast(2))) == nil, "an option that is cut")
        var random = SplitMix(seed: 9)
        for _ in 0..<20_000 {
            var bytes = message
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            _ = server.answer(to: Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))))
        }
    }
}
