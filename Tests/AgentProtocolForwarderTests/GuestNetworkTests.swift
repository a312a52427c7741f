import AgentTunnel
import ForwarderRig
import LinuxIO
import NetworkRig
import PeerPodProtocol
import PodVMBoot
import TLS
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import AgentProtocolForwarder
@testable import PodNetwork

/// What has to be root; each suite of it is inside of this one, so that they come one by one.
@Suite(
    "The pod's network in the VM", .serialized,
    .enabled(if: canMakeNamespaces, "needs CAP_NET_ADMIN and CAP_SYS_ADMIN"))
enum RealNamespaces {}

extension RealNamespaces {
    @Suite("set up by the forwarder")
    struct SettingUp {
        private let rig: VMInLab

        init() async throws { rig = try await VMInLab() }

        private func network(_ change: (inout ForwarderOptions) -> Void = { _ in }) throws -> GuestNetwork {
            var options = rig.options
            change(&options)
            return try #require(try ForwarderSetup(options).network)
        }

        /// What the set-up says when it fails.
        private func refusal(_ network: GuestNetwork) async throws -> String {
            let rig = rig
            return try await onLoop { loop in
                var patience = GuestNetwork.Patience()
                patience.limit = .milliseconds(100)
                do {
                    let made = try await network.setUp(
                        rig.lab.vmNetworks, patience: patience, on: loop, logger: .silent)
                    return "nothing: \(made)"
                } catch let error as ForwarderError {
                    return error.description
                }
            }
        }

        @Test("connects the pod in the VM to the cluster, and blocks its access to the metadata services")
        func joined() async throws {
            let (rig, network) = (rig, try network())
            for host in [rig.lab.node, rig.lab.vm] {
                let socket = try Lab.socket(host)
                try socket.add(try prefix("169.254.169.254/32"), to: try socket.made("lo"))
            }
            try await onLoop { loop in
                let made = try await network.setUp(rig.lab.vmNetworks, on: loop, logger: .silent)
                #expect(made.mtu == 1450)
            }
            #expect(try Lab.pings("10.244.1.10", from: rig.lab.client))
            #expect(try Lab.pings("10.244.1.2", from: rig.podns))
            #expect(try !Lab.pings("169.254.169.254", from: rig.podns))
            #expect(try Lab.pings("169.254.169.254", from: rig.lab.vm))
            // As after a restart of the forwarder.
            let before = try rig.links()
            try await onLoop { loop in _ = try await network.setUp(rig.lab.vmNetworks, on: loop, logger: .silent) }
            #expect(try rig.links() == before)
        }

        @Test("lets the pod use only DNS of the services of Azure's platform", arguments: [false, true])
        func platform(offersMetadata: Bool) async throws {
            let (rig, network) = (rig, try network { $0.offersMetadata = offersMetadata })
            let platform = "168.63.129.16"
            let onNode = try Lab.socket(rig.lab.node)
            try onNode.add(try prefix("\(platform)/32"), to: try onNode.made("lo"))
            try await onLoop { loop in
                _ = try await network.setUp(rig.lab.vmNetworks, on: loop, logger: .silent)
                for (port, isOpen) in [(UInt16(53), true), (80, false), (32_526, false)] {
                    let answer = try? await Traffic.ask(
                        [1, 2, 3], from: rig.podns, at: platform, port: port, tries: isOpen ? 5 : 1,
                        servedBy: rig.lab.node, at: platform
                    ) { $0.reversed() }
                    #expect((answer == [3, 2, 1]) == isOpen, "UDP port \(port)")
                    let received = try? await Traffic.tcp(
                        from: rig.podns, to: rig.lab.node, at: platform, port: port, bytes: 1000,
                        patience: isOpen ? 5000 : 500)
                    #expect((received == 1000) == isOpen, "TCP port \(port)")
                }
            }
            #expect(try !Lab.pings(platform, from: rig.podns))
            #expect(try !Lab.pings(platform, from: rig.podns, "-I eth0"))
        }

        @Test("waits for the VM's own network, logs that it waits, and continues as soon as the network exists")
        func waiting() async throws {
            let (rig, network) = (rig, try network())
            let inVM = try Lab.socket(rig.lab.vm)
            let route = PodRoute(to: .allVersion4, through: try address("10.0.0.1"))
            try inVM.remove(try prefix("10.0.0.2/24"), from: try inVM.made("eth0"))
            let (said, say) = AsyncStream<String>.makeStream()
            let logger = Logger(level: .info, format: .human) { say.yield(String(decoding: $0, as: UTF8.self)) }
            try await onLoop { loop in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await network.setUp(rig.lab.vmNetworks, on: loop, logger: logger) }
                    var lines = said.makeAsyncIterator()
                    let first = await lines.next() ?? ""
                    #expect(first.contains("Waiting for this VM's own network"), "\(first)")
                    let late = try Lab.socket(rig.lab.vm)
                    try late.add(try prefix("10.0.0.2/24"), to: try late.made("eth0"), hasNetworkRoute: true)
                    try late.add(route, over: try late.made("eth0"))
                    try await group.waitForAll()
                    let second = await lines.next() ?? ""
                    #expect(second.contains("The pod's network is up"), "\(second)")
                }
            }
            #expect(try Lab.pings("10.244.1.10", from: rig.lab.client))
        }

        @Test("fails with an error when the VM has no network, or not the configured interface")
        func noNetwork() async throws {
            let other = try await refusal(try network { $0.hostInterface = "eth7" })
            #expect(other.contains("The interface eth7") && other.contains("-host-interface"), "\(other)")
            let inVM = try Lab.socket(rig.lab.vm)
            try inVM.remove(try prefix("10.0.0.2/24"), from: try inVM.made("eth0"))
            let text = try await refusal(try network())
            #expect(text.contains("The pod's network cannot be set up") && text.contains("of waiting"), "\(text)")
            #expect(try Lab.socket(rig.podns).links().count == 1)
        }

        @Test("uses the separate interface for the tunnel where the node has one, and no other interface")
        func dedicated() async throws {
            try rig.write { $0.isDedicated = true }
            let text = try await refusal(try network())
            #expect(text.contains("eth0 has the default route") && text.contains("-host-interface"), "\(text)")
            let inVM = try Lab.socket(rig.lab.vm)
            try inVM.createVethPair("eth1", "far", in: rig.lab.client)
            try Lab.up("eth1", inVM, ["10.0.7.2/24"])
            let (rig, network) = (rig, try network { $0.hostInterface = "eth1" })
            try await onLoop { loop in
                let made = try await network.setUp(rig.lab.vmNetworks, on: loop, logger: .silent)
                #expect(made.tunnel.local?.description == "10.0.7.2")
            }
        }

        @Test("gives an error that names the systemd unit for the pod's namespace when the namespace is missing")
        func noNamespace() async throws {
            let text = try await refusal(try network { $0.podNamespace = "/run/netns/no-such-namespace" })
            #expect(text.contains("/run/netns/no-such-namespace") && text.contains("netns@podns"), "\(text)")
        }

        @Test("reports its state, and what another program has broken, to the node on a connection for that purpose")
        func told() async throws {
            let rig = rig
            let setup = try ForwarderSetup(rig.options)
            try await onLoop { loop in
                let plan = try await setup.network?.setUp(rig.lab.vmNetworks, on: loop, logger: .silent)
                let network = PodVMService.Network(
                    networks: rig.lab.vmNetworks, plan: try #require(plan), namespace: rig.podnsPath)
                let forwarder = try Forwarder(setup, rig.options, network: network, on: loop, logger: .silent)
                try await alongside([forwarder.run]) {
                    let whole = try await Self.ask(rig.identity, forwarder.address, loop)
                    #expect(whole.problems == [])
                    #expect(whole.hops.map(\.place) == ["VM", "pod namespace in the VM"])
                    #expect(whole.hops.map(\.interface) == ["eth0", "eth0"])
                    #expect(whole.hops.map(\.mtu) == [1500, 1450])
                    #expect(whole.addresses.first == "10.244.1.10/24")
                    #expect(whole.routes.contains("0.0.0.0/0 via 10.244.1.1"), "\(whole.routes)")
                    #expect(whole.tunnel.contains("\(VMInLab.identifier)"), "\(whole.tunnel)")
                    let inside = try Lab.socket(rig.podns)
                    try inside.delete(try inside.made("eth0"))
                    let broken = try await Self.ask(rig.identity, forwarder.address, loop)
                    #expect(broken.problems.contains { $0.contains("eth0 is missing in the VM") }, "\(broken.problems)")
                }
            }
        }

        private static func ask(
            _ identity: SandboxIdentity, _ address: SocketAddress, _ loop: EpollLoop
        ) async throws -> VMNetworkStatus {
            let context = try TLSContext.client(trusting: identity.authority, identity: identity.client)
            let dialer = Dialer(
                to: address, security: ClientSecurity(context: context, serverName: Guest.vmName), on: loop)
            let stream = try #require(
                try await dialer.connect(speaking: PodVM.applicationProtocol, deadline: .now + .seconds(20)))
            let client = Client(stream, on: loop)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await client.run() }
                defer { client.close() }
                return try await client.call(PodVM.network, Empty())
            }
        }
    }
}
