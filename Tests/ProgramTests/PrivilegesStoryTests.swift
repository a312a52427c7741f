import Doubles
import FakeCloud
import KataProtocol
import LinuxIO
import NetworkRig
import PeerPodProtocol
import TTRPC
import TestSupport
import Testing

@testable import PodNetwork

/// A node whose adaptor and forwarders have dropped their privileges, as in production, and a fake Azure in another process.
@Suite(
    "Pods of an adaptor without privileges", .enabled(if: RunningDaemon.isBuiltWhole, "the programs are not built"),
    .enabled(if: canMakeNamespaces, "needs NET_ADMIN and SYS_ADMIN, to make network namespaces"))
struct PrivilegesStoryTests {
    private static let forwarderPort = 15150

    /// The fake Azure in the network of the lab's node, and what an adaptor is told to use it.
    private struct Azure {
        let process: ChildProcess
        let environment: [String: String]

        init(in directory: String, of lab: Lab, on loop: EpollLoop) async throws {
            let file = directory + "/azure.env"
            var options = ChildProcess.Options(
                executable: Files.parent(of: RunningDaemon.executable) + "/fake-azure",
                arguments: [
                    "-state-dir", directory + "/cloud", "-network", "hosts", "-env-file", file,
                    "-forwarder-port", "\(forwarderPort)",
                ])
            options.error = .null
            options.networkNamespace = lab.node
            process = try ChildProcess.start(options, on: loop)
            while !Files.exists(file) { try await loop.sleep(for: .milliseconds(5)) }
            let lines = String(decoding: try DurableFile.read(file, limit: 1 << 16), as: UTF8.self).split(
                separator: "\n")
            let pairs = lines.map { $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false) }
            environment = Dictionary(uniqueKeysWithValues: pairs.map { ("\($0[0])", "\($0[1])") })
            // The VMs are behind the bridge; a node reaches its cloud by the default route.
            let socket = try Lab.socket(lab.node)
            let bridge = try #require(try socket.links().first { $0.name.hasPrefix("ppf") })
            try socket.add(PodRoute(to: .allVersion4, through: nil), over: bridge)
        }

        func end() async throws {
            process.signal(Signals.terminate)
            #expect(try await process.wait() == .exited(0))
        }
    }

    private static func check(_ pid: Int32, keeps capabilities: [Capability]) throws {
        let mask = capabilities.reduce(UInt64(0)) { $0 | 1 << UInt64($1.rawValue) }
        for thread in try ThreadStatus.all(of: pid) {
            #expect(thread.isFiltered && !thread.mayGainRights && thread.capabilities == mask)
        }
    }

    @Test("start, run, are inspected, survive their adaptor, and stop, with their networks")
    func whole() async throws {
        let directory = try TemporaryDirectory()
        let lab = try Lab()
        let pod = try lab.makePod()
        let place = try NamespaceMount(of: pod)
        try await onLoop(within: .seconds(600)) { loop in
            let azure = try await Azure(in: directory.path, of: lab, on: loop)
            func daemon(_ name: String) async throws -> RunningDaemon {
                let daemon = try RunningDaemon(
                    in: directory.path, on: loop, manager: name, environment: azure.environment, network: lab.node)
                #expect(try await daemon.notification() == "READY=1")
                try Self.check(daemon.process.pid, keeps: [.netAdmin, .sysAdmin])
                return daemon
            }
            let request = CreateVMRequest.with {
                $0.id = "web"
                $0.networkNamespacePath = place.path
                $0.annotations = [
                    "io.kubernetes.cri.sandbox-name": "web", "io.kubernetes.cri.sandbox-namespace": "default",
                ]
            }
            let first = try await daemon("first")
            let shell = PodShell(try await first.call(Hypervisor.createVM, request).agentSocketPath, on: loop)
            _ = try await first.call(Hypervisor.startVM, .with { $0.id = "web" })
            #expect(try await shell.output(of: "ping -n -c 1 -W 5 10.244.1.2").contains(" 0% packet loss"))

            func look(_ daemon: RunningDaemon) async throws {
                var status = try await daemon.call(Sandboxes.network, .with { $0.id = "web" })
                while !status.silence.isEmpty {
                    try await loop.sleep(for: .milliseconds(20))
                    status = try await daemon.call(Sandboxes.network, .with { $0.id = "web" })
                }
                #expect(status.problems.isEmpty && status.hops.count == 5, "\(status)")
            }
            try await look(first)
            let forwarders = ProcessTable.descendants(of: azure.process.pid).map(\.pid).filter { pid in
                let name = try? DurableFile.read("/proc/\(pid)/comm", limit: 100)
                return name.map { String(decoding: $0, as: UTF8.self).hasPrefix("agent-protocol") } ?? false
            }
            try Self.check(try #require(forwarders.first), keeps: [.netAdmin, .sysAdmin])
            #expect(forwarders.count == 1)

            first.process.signal(Signals.kill)
            _ = try await first.process.wait()
            let second = try await daemon("second")
            try await look(second)
            _ = try await second.call(Hypervisor.stopVM, .with { $0.id = "web" })
            while try await !second.call(Sandboxes.list, Empty()).sandboxes.isEmpty {
                try await loop.sleep(for: .milliseconds(5))
            }
            let left = try Lab.socket(pod).links().filter { $0.vxlan != nil }
            #expect(left.isEmpty)
            second.process.signal(Signals.terminate)
            #expect(try await second.process.wait() == .exited(0))
            try await azure.end()
        }
    }
}
