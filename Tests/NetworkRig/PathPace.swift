internal import Glibc
internal import LinuxIO
internal import PodNetwork

/// How fast packets go between a host and a pod in its VM, and how fast they would to a pod beside it on the node.
///
/// Each round has a new lab, so that no round finds what another has learnt of the way, and the next round takes
/// everything in the opposite order: what comes first must make no difference.
public struct PathPace: Sendable {
    /// One kind of measurement, once a round.
    public struct Series: Sendable {
        /// To a pod behind the tunnel, a value for each round.
        public internal(set) var tunnel: [Double] = []
        /// To a pod that has only a cable, in the same rounds.
        public internal(set) var cable: [Double] = []
        /// Of the same round.
        public var ratios: [Double] { zip(tunnel, cable).map { $0 / $1 } }
    }

    /// One TCP stream to the pod, in bits per second.
    public private(set) var into = Series()
    /// One TCP stream from the pod, in bits per second.
    public private(set) var out = Series()
    /// The median of a round's echo times, in seconds.
    public private(set) var echo = Series()
    /// Outer packets that the node or the VM had to cut in pieces, in all rounds.
    public private(set) var fragments = 0

    /// Measures with iperf3 and ping, in namespaces that are gone afterwards.
    ///
    /// Needs `CAP_NET_ADMIN` and `CAP_SYS_ADMIN`. `overVersion6` has the outer packets be IPv6, `underlayMTU` is the
    /// largest of them; `mtu` gives the pod in the VM this one, whatever fits.
    public init(
        rounds: Int, seconds: Int, overVersion6: Bool = false, underlayMTU: Int = 1500, mtu: Int? = nil
    ) async throws {
        for round in 0..<rounds {
            let lab = try Lab(underlayMTU: underlayMTU)
            let remote = try address(overVersion6 ? "fd00:1::2" : "10.0.0.2")
            let (pod, beside, home) = (
                try lab.makePod(5), try lab.makePod(6), try NetworkNamespace.make(named: "podns")
            )
            let interface = try await lab.nodeNetworks.inspect(pod.path)
            let underlay = try await lab.nodeNetworks.underlay(named: "under0", toward: remote)
            try await lab.nodeNetworks.setUp(
                try NodeNetworkPlan(for: interface, over: underlay, identifier: 7, port: Lab.port, vm: remote),
                in: pod.path
            )
            var plan = try GuestNetworkPlan(for: interface, over: underlay, identifier: 7, port: Lab.port, vm: remote)
            if let mtu { plan.mtu = mtu }
            try await lab.vmNetworks.setUp(plan, in: home.path)
            let (tunnelled, cabled) = ((home, "10.244.1.10"), (beside, "10.244.1.11"))
            let steps: [(inout PathPace) throws -> Void] = [
                { $0.into.cable.append(try Self.send(seconds, from: lab.client, to: cabled)) },
                { $0.into.tunnel.append(try Self.send(seconds, from: lab.client, to: tunnelled)) },
                { $0.out.cable.append(try Self.send(seconds, from: beside, to: (lab.client, "10.244.1.2"))) },
                { $0.out.tunnel.append(try Self.send(seconds, from: home, to: (lab.client, "10.244.1.2"))) },
                { $0.echo.cable.append(try Self.echo(from: lab.client, to: cabled.1)) },
                { $0.echo.tunnel.append(try Self.echo(from: lab.client, to: tunnelled.1)) },
            ]
            for step in round.isMultiple(of: 2) ? steps : steps.reversed() { try step(&self) }
            fragments += try Cluster.fragments([lab.node, lab.vm])
        }
    }

    /// Whether the programs that measure are here.
    public static let canMeasure = unsafe system("command -v iperf3 ping ss >/dev/null 2>&1") == 0

    /// How many bits a second one TCP stream brings to `server`.
    static func send(
        _ seconds: Int, from client: NetworkNamespace, to server: (host: NetworkNamespace, address: String)
    ) throws -> Double {
        // The server serves one client, and exits when none connects.
        try Lab.command(
            """
            iperf3 -s -1 -D --idle-timeout 20
            until ss -Hltn 'sport = :5201' | grep -q . ; do [ $((tries += 1)) -lt 200 ] && sleep 0.02 || exit 1; done
            """, in: server.host)
        let words = try Lab.command(
            "timeout \(seconds + 10) iperf3 -c \(server.address) -t \(seconds) -f k", in: client)
        let line = words.split(separator: "\n").last { $0.hasSuffix("receiver") } ?? ""
        let columns = line.split(separator: " ")
        guard let unit = columns.firstIndex(of: "Kbits/sec"), let value = Double(columns[unit - 1]) else {
            throw CommandFailure(description: "iperf3 says: \(words)")
        }
        return value * 1000
    }

    private static func echo(from client: NetworkNamespace, to address: String) throws -> Double {
        // So far apart that the processors sleep in between, as they do while a pod waits for an answer.
        let words = try Lab.command("ping -n -c 25 -i 0.1 \(address)", in: client)
        let times = words.split(separator: "\n").compactMap { line in
            line.split(separator: "time=").dropFirst().first.flatMap { Double($0.prefix { $0 != " " }) }
        }
        // The first ones wait for the neighbours to be found.
        let sorted = times.dropFirst(4).sorted()
        guard sorted.count > 10 else { throw CommandFailure(description: "ping says: \(words.suffix(500))") }
        return sorted[sorted.count / 2] / 1000
    }
}
