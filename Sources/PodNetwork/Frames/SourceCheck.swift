internal import CNetlink
internal import Glibc

extension FrameProgram {
    /// The result of ``frames(from:with:)`` for a frame of the pod; 0 for any other frame.
    private static let isFromPod = UInt32.max
    /// The limit of extension headers to parse in one IPv6 packet. Linux never sends more than three.
    private static let extensionHeaderLimit = 4

    /// Accepts only the frames that a pod with this Ethernet address and these addresses sends.
    ///
    /// - No VLAN tag, and the pod's Ethernet address as the source.
    /// - IPv4 and IPv6 with a source address of the pod. IPv6 also without a source for duplicate address detection.
    /// - ARP with the pod as the sender, so a frame cannot announce a neighbour of another host.
    /// - Neighbour advertisements only for the pod's addresses; no router advertisements and no redirects, also behind
    ///   extension headers.
    static func frames(from hardwareAddress: LinkAddress, with addresses: [NetAddress]) -> FrameProgram {
        var code = FrameProgramBuilder()
        let check = SourceCheck(hardwareAddress, addresses, accept: code.label(), drop: code.label())
        check.write(to: &code)
        code.place(check.accept)
        code.finish(isFromPod)
        code.place(check.drop)
        code.finish(0)
        return code.build()
    }

    private struct SourceCheck {
        typealias Label = FrameProgramBuilder.Label

        let hardwareAddress: [UInt32]
        let version4: [UInt32]
        let version6: [[UInt32]]
        let accept: Label
        let drop: Label

        init(_ hardwareAddress: LinkAddress, _ addresses: [NetAddress], accept: Label, drop: Label) {
            let bytes = hardwareAddress.bytes
            self.hardwareAddress = [FrameProgram.word(bytes[0..<4]), FrameProgram.word(bytes[4..<6])]
            version4 = addresses.filter { !$0.isVersion6 }.map { FrameProgram.word($0.bytes[...]) }
            version6 = addresses.filter(\.isVersion6).map { FrameProgram.words($0.bytes) }
            self.accept = accept
            self.drop = drop
        }

        func write(to code: inout FrameProgramBuilder) {
            let (isARP, isVersion4, isVersion6) = (code.label(), code.label(), code.label())
            code.loadVLANTagPresence()
            code.jump(to: drop, unlessEqual: 0)
            require(hardwareAddress, at: Offset.source, &code)
            code.load(.half, at: Offset.etherType)
            code.jump(to: isVersion4, ifEqual: UInt32(ETH_P_IP))
            code.jump(to: isVersion6, ifEqual: UInt32(ETH_P_IPV6))
            code.jump(to: isARP, ifEqual: UInt32(ETH_P_ARP))
            code.jump(to: drop)

            code.place(isARP)
            code.load(.word, at: Offset.network)
            code.jump(to: drop, unlessEqual: 0x0001_0800)  // Ethernet, IPv4
            code.load(.half, at: Offset.network + 4)
            code.jump(to: drop, unlessEqual: 0x0604)  // the lengths of their addresses
            require(hardwareAddress, at: Offset.network + 8, &code)
            acceptVersion4(at: Offset.network + 14, &code)

            code.place(isVersion4)
            acceptVersion4(at: Offset.network + 12, &code)

            code.place(isVersion6)
            writeVersion6(to: &code)
        }

        private func require(_ address: [UInt32], at offset: Int, _ code: inout FrameProgramBuilder) {
            code.load(.word, at: offset)
            code.jump(to: drop, unlessEqual: address[0])
            code.load(.half, at: offset + 4)
            code.jump(to: drop, unlessEqual: address[1])
        }

        private func acceptVersion4(at offset: Int, _ code: inout FrameProgramBuilder) {
            code.load(.word, at: offset)
            for address in version4 { code.jump(to: accept, ifEqual: address) }
            code.jump(to: drop)
        }

        /// Jumps if one of the pod's IPv6 addresses is at an offset from the frame's start, or from the index.
        private func jump(
            to found: Label, ifOwnAddressAt offset: Int, isIndexed: Bool, _ code: inout FrameProgramBuilder
        ) {
            for address in version6 { jump(to: found, ifWords: address, at: offset, isIndexed: isIndexed, &code) }
        }

        private func jump(
            to found: Label, ifWords words: [UInt32], at offset: Int, isIndexed: Bool = false,
            _ code: inout FrameProgramBuilder
        ) {
            let next = code.label()
            for (number, word) in words.enumerated() {
                if isIndexed {
                    code.loadIndexed(.word, at: offset + number * 4)
                } else {
                    code.load(.word, at: offset + number * 4)
                }
                code.skip(to: next, unlessEqual: word)
            }
            code.jump(to: found)
            code.place(next)
        }

        private func writeVersion6(to code: inout FrameProgramBuilder) {
            let (isOwn, isUnspecified, isICMP) = (code.label(), code.label(), code.label())
            jump(to: isOwn, ifOwnAddressAt: Offset.network + 8, isIndexed: false, &code)
            jump(to: isUnspecified, ifWords: [0, 0, 0, 0], at: Offset.network + 8, &code)
            code.jump(to: drop)

            // Duplicate address detection: a neighbour solicitation for an address of the pod, without extension headers.
            code.place(isUnspecified)
            code.load(.byte, at: Offset.network + 6)
            code.jump(to: drop, unlessEqual: UInt32(IPPROTO_ICMPV6))
            code.load(.byte, at: Offset.version6Payload)
            code.jump(to: drop, unlessEqual: NeighborDiscovery.solicitation)
            jump(to: accept, ifOwnAddressAt: Offset.version6Payload + 8, isIndexed: false, &code)
            code.jump(to: drop)

            code.place(isOwn)
            followHeaders(to: isICMP, &code)

            // The index is the offset of the ICMPv6 message.
            code.place(isICMP)
            let isAdvertisement = code.label()
            code.loadIndexed(.byte, at: 0)
            code.jump(to: drop, ifEqual: NeighborDiscovery.routerAdvertisement)
            code.jump(to: drop, ifEqual: NeighborDiscovery.redirect)
            code.jump(to: isAdvertisement, ifEqual: NeighborDiscovery.advertisement)
            code.jump(to: accept)
            code.place(isAdvertisement)
            jump(to: accept, ifOwnAddressAt: 8, isIndexed: true, &code)
            code.jump(to: drop)
        }

        /// Looks for an ICMPv6 message after extension headers; accepts other packets, and drops those with too many headers.
        private func followHeaders(to isICMP: Label, _ code: inout FrameProgramBuilder) {
            let type = 0
            code.setIndex(Offset.version6Payload)
            code.load(.byte, at: Offset.network + 6)
            for _ in 0..<extensionHeaderLimit {
                let (isExtension, isFragment, next) = (code.label(), code.label(), code.label())
                code.jump(to: isICMP, ifEqual: UInt32(IPPROTO_ICMPV6))
                for header in [IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS] {
                    code.jump(to: isExtension, ifEqual: UInt32(header))
                }
                code.jump(to: isFragment, ifEqual: UInt32(IPPROTO_FRAGMENT))
                code.jump(to: accept)

                code.place(isFragment)
                code.loadIndexed(.half, at: 2)
                code.and(0xFFF8)
                // Later fragments have no header to check. Without the first fragment, the receiver discards them.
                code.jump(to: accept, unlessEqual: 0)
                code.loadIndexed(.byte, at: 0)
                code.storeScratch(type)
                code.loadNumber(8)
                code.addIndex()
                code.setIndexToAccumulator()
                code.jump(to: next)

                code.place(isExtension)
                code.loadIndexed(.byte, at: 0)
                code.storeScratch(type)
                code.loadIndexed(.byte, at: 1)
                code.add(1)
                code.shiftLeft(3)
                code.addIndex()
                code.setIndexToAccumulator()

                code.place(next)
                code.loadScratch(type)
            }
            code.jump(to: isICMP, ifEqual: UInt32(IPPROTO_ICMPV6))
            code.jump(to: drop)
        }
    }

    /// Types of ICMPv6 messages (RFC 4861).
    private enum NeighborDiscovery {
        static let routerAdvertisement: UInt32 = 134
        static let solicitation: UInt32 = 135
        static let advertisement: UInt32 = 136
        static let redirect: UInt32 = 137
    }
}

extension FrameProgram {
    /// The offsets of the parts of a frame.
    enum Offset {
        static let source = 6
        static let etherType = 12
        static let network = 14
        static let version6Payload = network + 40
    }

    /// Up to four bytes as a number.
    static func word(_ bytes: ArraySlice<UInt8>) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }

    /// Bytes as numbers of four bytes.
    static func words(_ bytes: [UInt8]) -> [UInt32] {
        stride(from: 0, to: bytes.count, by: 4).map { word(bytes[$0..<min($0 + 4, bytes.count)]) }
    }
}
