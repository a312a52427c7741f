import Glibc
import LinuxIO
import NetworkRig
import PacketFilter
import Testing

@testable import PodNetwork

extension RealNamespaces {
    @Suite("connections that are not tracked")
    struct UntrackedPeersTests {
        @Test("are the peers' VXLAN packets; the table is removed with the last peer")
        func addAndRemove() async throws {
            let lab = try Lab()
            let peers = try UntrackedPeers(port: Lab.port, in: lab.node)
            #expect(try await peers.all() == [])
            try await peers.remove("10.0.0.2")
            for _ in 0..<2 { for peer in ["10.0.0.2", "10.0.0.3", "fd00:1::2"] { try await peers.add(peer) } }
            #expect(try await peers.all() == ["10.0.0.2", "10.0.0.3", "fd00:1::2"])
            for peer in ["10.0.0.3", "10.0.0.3", "10.0.0.9", "fd00:1::2"] { try await peers.remove(peer) }
            #expect(try await peers.all() == ["10.0.0.2"])
            // Another process, after a restart.
            let again = try UntrackedPeers(port: Lab.port, in: lab.node)
            try await again.remove("10.0.0.2")
            #expect(try await peers.all() == [])
            try await peers.add("10.0.0.2")
            #expect(try await again.all() == ["10.0.0.2"])
            // Another program flushes the ruleset.
            try #require(try Lab.succeeds("nft flush ruleset", in: lab.node), "needs nft")
            try await peers.remove("10.0.0.2")
            try await peers.add("10.0.0.3")
            #expect(try await again.all() == ["10.0.0.3"])
        }

        @Test("can be listed while another process removes the table with the last peer")
        func removedMeanwhile() async throws {
            let lab = try Lab()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        let peers = try UntrackedPeers(port: Lab.port, in: lab.node)
                        for _ in 0..<300 { #expect(try await peers.all().count <= 1) }
                    }
                }
                let other = try UntrackedPeers(port: Lab.port, in: lab.node)
                for _ in 0..<300 {
                    try await other.add("10.0.0.2")
                    try await other.remove("10.0.0.2")
                }
                try await group.waitForAll()
            }
            #expect(try await UntrackedPeers(port: Lab.port, in: lab.node).all() == [])
        }

        @Test(
            "do not enter the kernel's table while a pod's packets pass, and do without the rules",
            .enabled(if: getuid() == 0, "only root may read the table"), arguments: [true, false])
        func untracked(isPeer: Bool) async throws {
            let lab = try Lab()
            let joined = try await Joined(lab, pod: try lab.makePod())
            if isPeer { try await UntrackedPeers(port: Lab.port, in: lab.node).add("10.0.0.2") }
            // Something has to want tracking for there to be any.
            let wanting = "nft 'add table inet t; add chain inet t c { type filter hook input priority 0; }; "
            let rule = "add rule inet t c ct state new counter'"
            try #require(try Lab.succeeds(wanting + rule, in: lab.node), "needs nft")
            #expect(try Lab.pings("10.244.1.10", from: lab.client))
            let table = try lab.node.run { try? DurableFile.read("/proc/thread-self/net/nf_conntrack", limit: 1 << 20) }
            let text = String(decoding: try #require(table), as: UTF8.self)
            #expect(text.contains("dport=4789") != isPeer, "\(text)")
            _ = joined
        }

        @Test("work while the process has more descriptors open than select(2) can use")
        func manyDescriptors() async throws {
            let lab = try Lab()
            let limit = SystemInfo.raiseDescriptorLimit()
            try #require(limit > 2 * Int(FD_SETSIZE), "needs \(2 * FD_SETSIZE) descriptors")
            let held = try (0..<Int(FD_SETSIZE)).map { _ in try NetworkNamespace.ofThisProcess() }
            let peers = try UntrackedPeers(port: Lab.port, in: lab.node)
            try await peers.add("10.0.0.2")
            #expect(try await peers.all() == ["10.0.0.2"])
            try await peers.remove("10.0.0.2")
            withExtendedLifetime(held) {}
        }

        @Test(
            "refuse a peer that is not an address",
            arguments: ["", "10.0.0.2 }", "0.0.0.0/0", "x; flush ruleset"])
        func noAddress(text: String) async throws {
            let lab = try Lab()
            let peers = try UntrackedPeers(port: Lab.port, in: lab.node)
            await #expect(throws: PacketFilterError.self) { try await peers.add(text) }
            #expect(throws: PacketFilterError.self) { try UntrackedPeers(port: 0) }
        }
    }
}
