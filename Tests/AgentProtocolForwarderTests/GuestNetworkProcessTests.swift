import Doubles
import ForwarderRig
import LinuxIO
import NetworkRig
import PodVMBoot
import TestSupport
import Testing

@testable import AgentProtocolForwarder
@testable import PodNetwork

extension RealNamespaces {
    @Suite(
        "and the process of the forwarder",
        .enabled(if: Files.isExecutable(ForwarderProgram.path), "agent-protocol-forwarder is not built"))
    struct Processes {
        private let rig: VMInLab

        init() async throws { rig = try await VMInLab() }

        @Test("serves once the pod has its network; the pod's open connections survive a kill and a new forwarder")
        func restart() async throws {
            let rig = rig
            try await onLoop { loop in
                // A file, since a name without one does not lead out of a network namespace.
                let path = "\(rig.guest.path)/notify"
                let manager = try ServiceManager.listen(at: path, on: loop)
                let listener = try Listener.listen(
                    on: .tcp(host: "10.244.1.2", port: 9000), loop: loop, in: rig.lab.client)
                func start() async throws -> ChildProcess {
                    let child = try ForwarderProgram(rig).start(loop, notify: path)
                    #expect(String(decoding: try await manager.read(upTo: 100), as: UTF8.self) == "READY=1")
                    return child
                }
                let first = try await start()
                let near = try #require(try rig.podns.connection(to: (10, 244, 1, 2), port: 9000, loop))
                let far = try await listener.accept()
                let links = try rig.links()
                func talk(_ byte: UInt8) async throws {
                    try await near.write([byte])
                    #expect(try await far.read(upTo: 1) == [byte])
                    try await far.write([byte, byte])
                    #expect(try await near.read(upTo: 2) == [byte, byte])
                }
                try await talk(1)
                first.signal(Signals.kill)
                _ = try await first.wait()
                try await talk(2)
                let second = try await start()
                try await talk(3)
                #expect(try rig.links() == links)
                second.signal(Signals.kill)
                _ = try await second.wait()
            }
        }

        @Test("keeps on every thread only the capabilities that reading the pod's network needs")
        func rights() async throws {
            let rig = rig
            try await onLoop { loop in
                let path = "\(rig.guest.path)/notify"
                let manager = try ServiceManager.listen(at: path, on: loop)
                let child = try ForwarderProgram(rig).start(loop, notify: path)
                #expect(String(decoding: try await manager.read(upTo: 100), as: UTF8.self) == "READY=1")
                // Those that made the network may still be ending.
                while try ThreadStatus.all(of: child.pid).count > 1 { try await loop.sleep(for: .milliseconds(1)) }
                for thread in try ThreadStatus.all(of: child.pid) {
                    #expect(thread.isFiltered && !thread.mayGainRights)
                    #expect(
                        thread.capabilities == 1 << UInt64(Capability.sysAdmin.rawValue)
                            | 1 << UInt64(Capability.netAdmin.rawValue))
                }
                child.signal(Signals.terminate)
                #expect(try await child.wait() == .exited(0))
            }
        }

        @Test("logs that the pod's traffic leaves through its node when the node asks for another way")
        func external() async throws {
            try rig.write { $0.isExternalThroughVM = true }
            let rig = rig
            try await onLoop { loop in
                let child = try ForwarderProgram(rig).start(loop)
                let errors = try #require(child.error)
                var said = ""
                while !said.contains("serving") {
                    let more = try await errors.read(upTo: 4096)
                    try #require(!more.isEmpty, "\(said)")
                    said += String(decoding: more, as: UTF8.self)
                }
                #expect(said.contains("external-net-via-pod-vm is not supported"), "\(said)")
                child.signal(Signals.terminate)
                #expect(try await child.wait() == .exited(0))
            }
        }

        @Test("stops at once after a signal while it waits for the VM's own network")
        func stopped() async throws {
            let inVM = try Lab.socket(rig.lab.vm)
            try inVM.remove(try prefix("10.0.0.2/24"), from: try inVM.made("eth0"))
            let rig = rig
            try await onLoop { loop in
                let child = try ForwarderProgram(rig).start(loop)
                let errors = try #require(child.error)
                let said = try await errors.read(upTo: 4096)
                #expect(String(decoding: said, as: UTF8.self).contains("Waiting for this VM's own network"))
                child.signal(Signals.terminate)
                #expect(try await child.wait() == .exited(0))
            }
        }

        @Test(
            "ends with an error and changes nothing when the pod's network in the boot document is not possible",
            arguments: [
                ("\"podip\": \"10.244.1.10/24\"", "\"podip\": \"0.0.0.0/0\"", "0.0.0.0/0"),
                ("\"podip\": \"10.244.1.10/24\"", "\"podip\": \"10.244.1.10\"", "pod-network.podip"),
                ("\"pod-hw-addr\": \"", "\"pod-hw-addr\": \"zz", "pod-network.pod-hw-addr"),
                ("\"mtu\": 1450", "\"mtu\": 0", "the MTU 0"),
                ("\"mtu\": 1450", "\"mtu\": -1", "pod-network.mtu"),
                ("\"interface\": \"eth0\"", "\"interface\": \"sixteen-bytes-16\"", "pod-network.interface"),
                ("\"interface\": \"eth0\"", "\"interface\": \"lo\"", "loopback"),
                ("\"vxlan-id\": 555000", "\"vxlan-id\": 0", "a VXLAN identifier is 1 to 16777215"),
                ("\"vxlan-id\": 555000", "\"vxlan-id\": 16777216", "pod-network.vxlan-id"),
                ("\"vxlan-port\": 4789", "\"vxlan-port\": 0", "a UDP port is 1 to 65535"),
                (
                    "\"worker-node-ip\": \"10.0.0.1/24\"", "\"worker-node-ip\": \"127.0.0.1/8\"",
                    "not the address of a host"
                ),
                ("\"routes\": [", "many routes", "a pod may have 1024"),
                ("\"gw\": \"10.244.1.1\"", "\"gw\": \"10.99.0.1\"", "The route to"),
                ("\"gw\": \"10.244.1.1\"", "\"gw\": \"169.254.169.254\"", "the pod's network needs 169.254.169.254"),
            ])
        func absurd(part: String, replacement: String, reason: String) async throws {
            let text = String(decoding: try DurableFile.read(rig.guest.config, limit: 1 << 16), as: UTF8.self)
            let route = "{\"dst\": \"1.0.0.0/8\", \"gw\": \"\"}"
            let many = Array(repeating: route, count: 1500).joined(separator: ",")
            let changed = text.replacing(
                part, with: replacement == "many routes" ? "\(part)\(many)," : replacement,
                maxReplacements: 1)
            try #require(changed != text)
            _ = try rig.guest.write(changed, to: "apf.json")
            let before = try rig.links()
            let rig = rig
            try await onLoop { loop in
                let child = try ForwarderProgram(rig).start(loop)
                let errors = try #require(child.error)
                var said: [UInt8] = []
                while case let more = try await errors.read(upTo: 4096), !more.isEmpty { said += more }
                #expect(try await child.wait() == .exited(1))
                let last = String(decoding: said, as: UTF8.self)
                #expect(last.contains("Cannot serve: ") && last.contains(reason), "\(last)")
            }
            #expect(try rig.links() == before)
        }
    }
}
