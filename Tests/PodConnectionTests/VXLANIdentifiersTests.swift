import PodNetwork
import Testing

@testable import PodConnection

@Suite("VXLAN identifiers")
struct VXLANIdentifiersTests {
    @Test("are drawn from the whole range from the minimum up, and are different")
    func allocation() throws {
        var identifiers = try #require(VXLANIdentifiers(from: 555_000))
        let drawn = try (0..<2000).map { _ in try identifiers.allocate() }
        #expect(Set(drawn).count == 2000 && drawn.allSatisfy { $0 >= 555_000 && $0 <= VXLANIdentifiers.maximum })
        // The probability that a correct generator fails one of these is less than one in a billion.
        let middle = (555_000 + VXLANIdentifiers.maximum) / 2
        #expect((800...1200).contains(drawn.count { $0 < middle }))
        #expect(zip(drawn, drawn.dropFirst()).count { $1 == $0 + 1 } < 5)
        #expect(identifiers.index(of: 555_002) == 2)
    }

    @Test("in use are not drawn, also after a restart, and released identifiers are")
    func reuse() throws {
        let first = VXLANIdentifiers.maximum - 2
        var identifiers = try #require(VXLANIdentifiers(from: first, inUse: [first + 1, 17]))
        #expect(Set([try identifiers.allocate(), try identifiers.allocate()]) == [first, first + 2])
        identifiers.release(first)
        #expect(try identifiers.allocate() == first)
        let error = #expect(throws: PodNetworkError.self) { try identifiers.allocate() }
        #expect(error?.code == .exhausted)
        let isNew = identifiers.reserve(first)
        #expect(!isNew)
        #expect(VXLANIdentifiers(from: 0) == nil && VXLANIdentifiers(from: 1 << 24) == nil)
    }
}
