internal import LinuxIO
internal import PodNetwork

/// What the checks against forged packets cost: the throughput of a pod's tunnel with them and without them.
///
/// The checks are the source check of the pod's frames and the list of senders on the node, and the policy for outer
/// packets in the VM. Each round has a new lab, and rounds measure the two alternately, because what is measured first
/// must make no difference.
public struct CheckPace: Sendable {
    /// One TCP stream, in bits per second, a value for each round.
    public struct Series: Sendable {
        /// With the checks.
        public internal(set) var checked: [Double] = []
        /// Without the checks.
        public internal(set) var unchecked: [Double] = []
        /// The share of the throughput that the checks cost, for each round.
        public var costs: [Double] { zip(checked, unchecked).map { 1 - $0 / $1 } }
    }

    /// To the pod.
    public private(set) var into = Series()
    /// From the pod.
    public private(set) var out = Series()

    /// Measures with iperf3, in namespaces that are gone afterwards. Needs the rights of ``PathPace``.
    public init(rounds: Int, seconds: Int) async throws {
        for round in 0..<rounds {
            let lab = try Lab()
            let remote = try address("10.0.0.2")
            let (pod, home) = (try lab.makePod(5), try NetworkNamespace.make(named: "podns"))
            let interface = try await lab.nodeNetworks.inspect(pod.path)
            let underlay = try await lab.nodeNetworks.underlay(named: "under0", toward: remote)
            let node = try NodeNetworkPlan(for: interface, over: underlay, identifier: 7, port: Lab.port, vm: remote)
            let guest = try GuestNetworkPlan(for: interface, over: underlay, identifier: 7, port: Lab.port, vm: remote)
            func measure(_ series: WritableKeyPath<Series, [Double]>) throws {
                into[keyPath: series].append(try PathPace.send(seconds, from: lab.client, to: (home, "10.244.1.10")))
                out[keyPath: series].append(try PathPace.send(seconds, from: home, to: (lab.client, "10.244.1.2")))
            }
            for isChecked in round.isMultiple(of: 2) ? [true, false] : [false, true] {
                // A later set-up puts missing checks back.
                try await lab.nodeNetworks.setUp(node, in: pod.path)
                try await lab.vmNetworks.setUp(guest, in: home.path)
                if !isChecked { try Self.removeChecks(lab, pod) }
                // The first packets of a path are slower: neighbours are found, and the stream's window grows.
                _ = try PathPace.send(1, from: lab.client, to: (home, "10.244.1.10"))
                try measure(isChecked ? \.checked : \.unchecked)
            }
        }
    }

    private static func removeChecks(_ lab: Lab, _ pod: NetworkNamespace) throws {
        try Lab.command(
            """
            set -e
            tc qdisc del dev vxlan1 ingress
            tc qdisc add dev vxlan1 ingress
            tc filter add dev vxlan1 ingress u32 match u32 0 0 action mirred egress redirect dev eth0
            ip link set vxlan1 type vxlan nolearning
            """, in: pod)
        try Lab.command("ip xfrm policy flush", in: lab.vm)
    }
}
