import KataProtocol
import LinuxIO
import TTRPC

/// How fast the adaptor answers while pod VMs attack the node: `/healthz`, and the health check of a correct pod.
///
/// Six VMs start as correct ones. Then OpenSSL's `s_server`, with each VM's own key, takes the place of the forwarder: two
/// VMs send zeros without end, two request a new key without end, two send 100,000 session tickets and then zeros. None of
/// them speaks the session protocol, whose end would be the first wrong byte. Their clients read everything, and connect
/// again after each loss. The attackers have the lowest priority, because a real VM does not use the node's processors.
struct HostileBenchmark {
    let tools: Tools
    let directory: String

    private static let attackers = 6
    /// The number of the first hostile pod.
    private static let firstHostile = 900
    private static let group = "Six hostile pod VMs: answers of the adaptor"

    func run() async throws -> [Figure] {
        let port = try freePort()
        let programs = try makePrograms()
        let rig = try await AdaptorRig.start(
            tools, in: "\(directory)/h", flags: ["-programs-dir", programs], probePort: port)
        return try await with(rig.children) {
            let honest = try await rig.startPod(1).id
            var hostile: [String] = []
            for number in 0..<Self.attackers {
                hostile.append(try await rig.startPod(Self.firstHostile + number).id)
            }
            tools.progress("\(hostile.count + 1) pods run")
            let quiet = try await measure(port, honest, of: rig)
            try Files.write("now".utf8, to: "\(directory)/attack", at: 0)
            let attacked = try await attack(rig, hostile) { try await measure(port, honest, of: rig) }
            for id in hostile + [honest] { _ = try await rig.stopPod(id) }
            return figures(quiet, attacked)
        }
    }

    /// The durations of answers in milliseconds.
    private struct Answers: Sendable {
        var probes: [Double] = []
        var checks: [Double] = []
    }

    private func figures(_ quiet: Answers, _ attacked: Answers) -> [Figure] {
        let rows: [(String, KeyPath<Answers, [Double]>)] = [
            ("/healthz", \.probes), ("Check of a correct pod", \.checks),
        ]
        return rows.map { name, answers in
            func shares(_ times: [Double]) -> String {
                [0.5, 0.99, 1].map { plain(percentile($0, of: times)) }.joined(separator: " / ")
            }
            return Figure(
                group: Self.group, name: "\(name), p99", value: percentile(0.99, of: attacked[keyPath: answers]),
                unit: "ms",
                detail:
                    "p50 / p99 / max: \(shares(attacked[keyPath: answers])) ms of \(attacked[keyPath: answers].count); "
                    + "before the attack \(shares(quiet[keyPath: answers])) ms",
                goal: .atMost(50, "ms", original: ""))
        }
    }

    /// Runs `body` while a client of each hostile pod connects again and again.
    private func attack<Result: Sendable>(
        _ rig: AdaptorRig, _ hostile: [String], _ body: () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in hostile {
                group.addTask { [self] in
                    while true {
                        if let client = try? await Stream.connect(to: agent(of: id, rig), on: tools.loop) {
                            try? await client.write([1])
                            while case let bytes? = try? await client.read(upTo: 1 << 16), !bytes.isEmpty {}
                            client.close()
                        }
                        try await tools.loop.sleep(for: .milliseconds(10))
                    }
                }
            }
            defer { group.cancelAll() }
            // The forwarders are replaced now.
            try await tools.loop.sleep(for: .seconds(2))
            return try await body()
        }
    }

    private func measure(_ port: UInt16, _ honest: String, of rig: AdaptorRig) async throws -> Answers {
        try await Client.with(try await Stream.connect(to: agent(of: honest, rig), on: tools.loop), on: tools.loop) {
            client in
            var answers = Answers()
            let end = ContinuousClock.now + .seconds(tools.seconds * Double(tools.rounds))
            while ContinuousClock.now < end {
                answers.probes.append(
                    try await time {
                        let probe = try await Stream.connect(to: .tcp(host: "127.0.0.1", port: port), on: tools.loop)
                        defer { probe.close() }
                        try await probe.write(Array("GET /healthz HTTP/1.0\r\n\r\n".utf8))
                        var answer: [UInt8] = []
                        while case let bytes = try await probe.read(upTo: 4096), !bytes.isEmpty { answer += bytes }
                        let text = String(decoding: answer, as: UTF8.self)
                        guard text.contains(" 200 ") else { throw Failure("/healthz answered \(text)") }
                    })
                answers.checks.append(
                    try await time {
                        _ = try await client.call(
                            Health.check.service, Health.check.name, HealthCheckRequest().encoded)
                    })
                try await tools.loop.sleep(for: .milliseconds(2))
            }
            return answers
        }
    }

    /// The duration of `body` in milliseconds.
    private func time(_ body: () async throws -> Void) async rethrows -> Double {
        let began = ContinuousClock.now
        try await body()
        let spent = began.duration(to: .now).components
        return Double(spent.seconds) * 1000 + Double(spent.attoseconds) / 1e15
    }

    private func agent(of id: String, _ rig: AdaptorRig) -> SocketAddress {
        .unix(path: "\(tools.podsDirectory ?? "\(rig.directory)/pods")/\(id)/agent.ttrpc")
    }

    private func freePort() throws -> UInt16 {
        let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: tools.loop)
        defer { listener.close() }
        guard case .tcp(_, let port) = listener.address else { throw Failure("the kernel has assigned no port") }
        return port
    }

    /// The programs of VMs: the real ones, but a forwarder that obeys `attack` in a hostile pod's VM.
    private func makePrograms() throws -> String {
        let programs = "\(directory)/programs"
        try Files.makeDirectories(programs)
        try Files.link(tools.program("fake-pod-vm"), at: "\(programs)/fake-pod-vm")
        // Python has the JSON reader; s_server is a TLS server that this project did not write.
        let script = #"""
            #!/bin/bash
            real=\#(tools.program("agent-protocol-forwarder"))
            [[ $1 != provision && $PWD == *-bench-\#(Self.firstHostile / 100)??-* ]] || exec "$real" "$@"
            "$real" "$@" &
            until [[ -e \#(directory)/attack ]]; do sleep 0.1; done
            kill -KILL $!
            wait
            python3 -c 'import json; document = json.load(open("run/peerpod/apf.json"))
            for name in "key", "cert": open(name + ".pem", "w").write(document["tls-server-" + name])'
            while [[ $1 != -listen ]]; do shift; done
            server=(nice -n 19 openssl s_server -accept "$2" -key key.pem -cert cert.pem)
            while true; do
                case $PWD in
                *-bench-??[03]-*) "${server[@]}" -quiet </dev/zero ;;
                *-bench-??[14]-*) yes K | "${server[@]}" ;;
                *) "${server[@]}" -quiet -num_tickets 100000 </dev/zero ;;
                esac >/dev/null 2>&1
                sleep 0.05
            done
            """#
        try Files.write((script + "\n").utf8, to: "\(programs)/agent-protocol-forwarder", at: 0, mode: 0o755)
        return programs
    }
}
