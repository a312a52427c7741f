import Glibc
import LinuxIO
import NetworkRig
import Testing

@testable import PodNetwork

/// Runs programs in the kernel, as a filter of a socket that gets a frame as a datagram: that takes no privilege.
private final class Kernel {
    private let sender: OwnedFD
    private let receiver: OwnedFD

    init(_ program: FrameProgram) throws {
        var numbers: [CInt] = [-1, -1]
        try #require(unsafe socketpair(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &numbers) == 0)
        sender = OwnedFD(owning: numbers[0])
        receiver = OwnedFD(owning: numbers[1])
        // struct sock_fprog: how many, and where.
        let result = unsafe program.bytes.withUnsafeBytes { code in
            let head = UInt64(program.instructions.count)
            let description = [head, UInt64(UInt(bitPattern: code.baseAddress))]
            return unsafe setsockopt(numbers[1], SOL_SOCKET, 26, description, 16)  // SO_ATTACH_FILTER
        }
        try #require(result == 0, "the kernel takes the program: \(errno)")
    }

    /// The number of bytes of the frame that the program accepts: its result, up to the frame's length.
    func result(_ frame: Frame) -> Int {
        let bytes = frame.bytes
        unsafe send(sender.rawValue, bytes, bytes.count, 0)
        var buffer = [UInt8](repeating: 0, count: 4096)
        return max(0, unsafe recv(receiver.rawValue, &buffer, buffer.count, CInt(MSG_DONTWAIT)))
    }
}

@Suite("the source check of packets from a pod's VM")
struct SourceCheckTests {
    private func maker() throws -> FrameMaker {
        try FrameMaker(
            mac: try ethernet("0a:58:0a:f4:01:0a"), version4: try address("10.244.1.10"),
            version6: try address("fd00:244::5"))
    }

    private func kernel(_ maker: FrameMaker, more: [NetAddress] = []) throws -> Kernel {
        try Kernel(.frames(from: maker.mac, with: more + [maker.version4, maker.version6, maker.mac.linkLocalAddress]))
    }

    @Test("accepts the pod's own frames of both IP families unchanged")
    func own() throws {
        let maker = try maker()
        let kernel = try kernel(maker)
        for (name, frame) in try maker.own() { #expect(kernel.result(frame) == frame.bytes.count, "\(name)") }
    }

    @Test("rejects frames with other addresses, and announcements of other addresses")
    func forged() throws {
        let maker = try maker()
        let kernel = try kernel(maker)
        for (name, frame) in try maker.forged() { #expect(kernel.result(frame) == 0, "\(name)") }
    }

    @Test("rejects frames that are truncated in their headers")
    func cut() throws {
        let maker = try maker()
        let kernel = try kernel(maker)
        for (name, frame) in [
            ("ARP", maker.arp(sender: maker.version4)), ("advertisement", maker.icmp(136, target: maker.version6)),
        ] {
            for length in 0..<frame.payload.count - (name == "ARP" ? 10 : 0) {
                var short = frame
                short.payload = Array(frame.payload.prefix(length))
                #expect(kernel.result(short) == 0, "\(length) bytes of \(name)")
            }
        }
    }

    @Test("is accepted by the kernel for no address and for the largest number of addresses")
    func manyAddresses() throws {
        let maker = try maker()
        let many = try (0..<PlanCheck.addressLimit).map { try address("fd00:244:1::\(String($0, radix: 16))") }
        let kernel = try kernel(maker, more: many)
        for (name, frame) in try maker.own() { #expect(kernel.result(frame) == frame.bytes.count, "\(name)") }
        for (name, frame) in try maker.forged() { #expect(kernel.result(frame) == 0, "\(name)") }
        #expect(kernel.result(maker.icmp(136, target: many[40], from: many[63])) > 0)
        let none = try Kernel(.frames(from: maker.mac, with: []))
        for (name, frame) in try maker.own() + maker.forged() { #expect(none.result(frame) == 0, "\(name)") }
    }
}

@Suite("the filter of a pod's outgoing packets")
struct RestrictionTests {
    private func frame(_ packet: [UInt8], _ type: UInt16 = 0x0800) throws -> Frame {
        Frame(
            destination: try ethernet("02:00:00:00:00:01"), source: try ethernet("02:00:00:00:00:02"), type: type,
            payload: packet)
    }

    @Test("drops packets to closed ports of restricted hosts, and all packets to forbidden hosts")
    func ports() throws {
        let program = FrameProgram.dropping([
            Restriction(try prefix("168.63.129.16/32"), openPorts: [53]),
            Restriction(try prefix("169.254.169.254/32"), openPorts: []),
            Restriction(try prefix("192.0.2.0/25"), openPorts: []),
            Restriction(try prefix("2001:db8:1::/48"), openPorts: [53, 80]),
            Restriction(try prefix("2001:db8::254/128"), openPorts: []),
        ])
        let kernel = try Kernel(try #require(program))
        let own = try address("10.244.1.10")
        let own6 = try address("fd00:244::5")
        func isDropped(_ target: String, _ proto: UInt8, _ port: UInt16, _ fragment: UInt16 = 0, _ options: Int = 0)
            throws
            -> Bool
        {
            let packet = FrameMaker.version4(
                from: own, to: try address(target), proto: proto, fragment: fragment,
                options: [UInt8](repeating: 1, count: options), FrameMaker.ports(port))
            return kernel.result(try frame(packet)) == Int(FrameProgram.TrafficAction.drop)
        }
        func isDropped6(_ target: String, _ next: UInt8, _ port: UInt16) throws -> Bool {
            let packet = FrameMaker.version6(from: own6, to: try address(target), next: next, FrameMaker.ports(port))
            return kernel.result(try frame(packet, 0x86DD)) == Int(FrameProgram.TrafficAction.drop)
        }
        let platform = "168.63.129.16"
        for proto: UInt8 in [6, 17] {
            #expect(try !isDropped(platform, proto, 53))
            #expect(try !isDropped(platform, proto, 53, 0, 8), "with options")
            #expect(try isDropped(platform, proto, 80))
            #expect(try isDropped(platform, proto, 32526))
            #expect(try isDropped(platform, proto, 53, 0x2000), "the first of several pieces")
            #expect(try isDropped(platform, proto, 53, 0x0001), "a later piece")
            #expect(try isDropped("169.254.169.254", proto, 53))
            #expect(try isDropped("192.0.2.127", proto, 53))
            #expect(try !isDropped("192.0.2.128", proto, 80))
            #expect(try !isDropped("168.63.129.17", proto, 80))
            #expect(try !isDropped6("2001:db8:1::9", proto, 80))
            #expect(try isDropped6("2001:db8:1::9", proto, 81))
            #expect(try isDropped6("2001:db8::254", proto, 53))
            #expect(try !isDropped6("2001:db8::253", proto, 53))
        }
        #expect(try isDropped(platform, 1, 53), "ICMP has no port")
        #expect(try isDropped6("2001:db8:1::9", 44, 53), "nor has a piece")
        #expect(kernel.result(try frame([UInt8](repeating: 0, count: 28), 0x0806)) == 0, "ARP passes")
        #expect(FrameProgram.dropping([]) == nil)
    }
}
