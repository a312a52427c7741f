import LinuxIO
import NetworkRig
import PodNetwork
import TestSupport
import Testing

@testable import AgentProtocolForwarder

extension RealNamespaces {
    @Suite(
        "with a metadata service for the pod",
        .enabled(if: Files.isExecutable(ForwarderProgram.path), "agent-protocol-forwarder is not built"))
    struct MetadataRelay {
        private let rig: VMInLab

        init() async throws { rig = try await VMInLab() }

        private static func connect(in namespace: NetworkNamespace, _ loop: EpollLoop) throws -> Stream? {
            try namespace.connection(to: (169, 254, 169, 254), port: 80, loop)
        }

        private static func get(_ target: String, from namespace: NetworkNamespace, _ loop: EpollLoop) async throws
            -> String
        {
            let stream = try #require(try connect(in: namespace, loop))
            defer { stream.close() }
            try await stream.write(Array("GET \(target) HTTP/1.1\r\nMetadata: true\r\n\r\n".utf8))
            var said: [UInt8] = []
            while case let more = try await stream.read(upTo: 4096), !more.isEmpty { said += more }
            return String(decoding: said, as: UTF8.self)
        }

        /// The VM's own service: it answers every request of every client.
        private static func serve(_ listener: Listener) async throws {
            try await withThrowingDiscardingTaskGroup { group in
                while true {
                    let stream = try await listener.accept()
                    group.addTask {
                        defer { stream.close() }
                        let asked = String(decoding: (try? await stream.read(upTo: 4096)) ?? [], as: UTF8.self)
                        let body =
                            asked.contains("format=text")
                            ? "podvm-a" : #"{"compute":{"name":"podvm-a","userData":"c2VjcmV0"}}"#
                        try? await stream.write(Array("HTTP/1.0 200 OK\r\n\r\n\(body)".utf8))
                    }
                }
            }
        }

        @Test("the pod reads what is not secret, no other client reads anything, and without the flag no client does")
        func relayed() async throws {
            let rig = rig
            let inVM = try Lab.socket(rig.lab.vm)
            try inVM.add(try prefix("169.254.169.254/32"), to: try inVM.made("lo"))
            try await onLoop { loop in
                let service = try Listener.listen(
                    on: .tcp(host: "169.254.169.254", port: 80), loop: loop, in: rig.lab.vm)
                try await alongside([{ try await Self.serve(service) }]) {
                    let program = ForwarderProgram(rig)
                    try await program.run(["-pod-metadata"], on: loop) {
                        let answer = try await Self.get(
                            "/metadata/instance?api-version=2021-02-01", from: rig.podns, loop)
                        #expect(answer.hasPrefix("HTTP/1.1 200 "), "\(answer)")
                        #expect(answer.hasSuffix(#"{"compute":{"name":"podvm-a"}}"#), "\(answer)")
                        let name = try await Self.get(
                            "/metadata/instance/compute/name?format=text&api-version=2021-02-01", from: rig.podns, loop)
                        #expect(name.hasSuffix("\r\n\r\npodvm-a"), "\(name)")
                        for target in [
                            "/metadata/instance/compute/userData?format=text", "/metadata/identity/oauth2/token",
                        ] {
                            let refusal = try await Self.get(target, from: rig.podns, loop)
                            #expect(refusal.hasPrefix("HTTP/1.1 403 "), "\(refusal)")
                        }
                        // Even where the way there is known, the pod's address is not the way to the service.
                        try #require(
                            try Lab.succeeds("ip route add 169.254.169.254/32 via 10.244.1.10", in: rig.lab.client))
                        let isReached = try Self.connect(in: rig.lab.client, loop) != nil
                        #expect(!isReached, "from outside")
                        #expect(try Lab.pings("10.244.1.10", from: rig.lab.client))
                    }
                    try await program.run([], on: loop) {
                        let isReached = try Self.connect(in: rig.podns, loop) != nil
                        #expect(!isReached, "from the pod")
                        let fromVM = try await Self.get("/metadata/instance", from: rig.lab.vm, loop)
                        #expect(fromVM.contains("c2VjcmV0"), "\(fromVM)")
                    }
                }
            }
        }

        @Test("clients that ask slowly, or send many requests at once, delay only each other")
        func crowd() async throws {
            let rig = rig
            let inVM = try Lab.socket(rig.lab.vm)
            try inVM.add(try prefix("169.254.169.254/32"), to: try inVM.made("lo"))
            try await onLoop { loop in
                try await ForwarderProgram(rig).run(["-pod-metadata"], on: loop) {
                    var idle: [Stream] = []
                    for _ in 0..<7 { idle.append(try #require(try Self.connect(in: rig.podns, loop))) }
                    for _ in 0..<20 {
                        let answer = try await Self.get("/metadata/instance", from: rig.podns, loop)
                        #expect(answer.hasPrefix("HTTP/1.1 502 "), "this VM has no relay: \(answer)")
                    }
                    for stream in idle { stream.close() }
                }
            }
        }
    }
}
