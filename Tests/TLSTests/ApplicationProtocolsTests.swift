import Testing

@testable import TLS

@Suite("Application protocols")
struct ApplicationProtocolsTests {
    @Test(
        "are found in a client's list, without a read past its end",
        arguments: [
            ([10] + Array("peerpod.v1".utf8), 1..<11), ([1, 65, 10] + Array("peerpod.v1".utf8), 3..<13),
            ([10] + Array("peerpod.v".utf8), nil), ([], nil), ([0], nil), ([0, 0, 255], nil), ([255], nil),
            ([9] + Array("peerpod.v1".utf8), nil), ([11] + Array("peerpod.v1".utf8), nil),
        ] as [([UInt8], Range<Int>?)])
    func list(bytes: [UInt8], range: Range<Int>?) {
        let protocols = ApplicationProtocols(["other", "peerpod.v1"])
        let choice = unsafe bytes.withUnsafeBufferPointer { unsafe protocols.choice(in: $0) }
        #expect(choice == range)
    }
}
