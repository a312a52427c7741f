internal import JSON
internal import LinuxIO
internal import PodNetwork
internal import Preflight
internal import Telemetry

extension NodeCheck {
    private static var pluginDirectory: String { "/etc/cni/net.d" }

    /// The network plugin that containerd or CRI-O uses: the first file by name.
    func checkNetworkPlugin() -> [Finding] {
        let files = node.names(in: Self.pluginDirectory).filter { name in
            [".conf", ".conflist", ".json"].contains { name.hasSuffix($0) }
        }
        guard let first = files.first else {
            return [
                Finding(
                    "network", .warning,
                    "there is no CNI configuration in \(Self.pluginDirectory): pods have no network",
                    advice: "install the cluster's network plugin")
            ]
        }
        let path = "\(Self.pluginDirectory)/\(first)"
        guard case .found(let object) = node.object(.yaml, path) else {
            return [unreadable("network", "\(path) is not a CNI configuration")]
        }
        let types = object["plugins"]?.arrayValue?.compactMap { $0["type"]?.stringValue } ?? [object.text("type") ?? ""]
        let shown = types.filter { !$0.isEmpty }.joined(separator: ", ")
        if let conflict = conflict(with: types.joined(separator: " ")) { return [conflict] }
        return [Finding("network", .ok, "the network plugin of \(path) is \(shown)")]
    }

    /// What is known of network plugins that have VXLAN tunnels of their own.
    private func conflict(with types: String) -> Finding? {
        let advice = "set VXLAN_PORT of all adaptors to a free port, such as 9000, and allow it in security groups"
        switch options.vxlanPort {
        case 8472 where types.contains("cilium"):
            return Finding(
                "network", .warning, "Cilium's tunnels use UDP port 8472 by default, the port of the pods' tunnels",
                advice: advice)
        case 4789 where types.contains("calico"):
            return Finding(
                "network", .warning,
                "Calico drops VXLAN packets on UDP port 4789 that are not from its own nodes, when it uses VXLAN",
                advice: advice)
        default: return nil
        }
    }

    /// Whether another tunnel or program has the UDP port of the pods' tunnels.
    func checkTunnelPort() async -> [Finding] {
        guard options.isThisMachine else { return [checkPrograms()] }
        do {
            let executor = try PodNetworkExecutor(logger: .silent)
            let others = try await executor.otherTunnels(on: options.vxlanPort)
            let findings = others.map { other in
                Finding(
                    "VXLAN port", other.isExclusive ? .failed : .ok, "\(other)",
                    advice: other.isExclusive ? "set VXLAN_PORT of all adaptors to a free port, such as 9000" : "")
            }
            return findings.isEmpty ? [checkPrograms()] : findings
        } catch {
            return [Finding("VXLAN port", .unknown, "the interfaces cannot be listed: \(error)")]
        }
    }

    /// The sockets of programs. The kernel's own sockets for VXLAN have no inode.
    private func checkPrograms() -> Finding {
        let port = options.vxlanPort
        let texts = ["udp", "udp6"].map { name in
            let ofHost = node.text("/proc/1/net/\(name)")
            return ofHost.isEmpty ? node.text("/proc/net/\(name)") : ofHost
        }
        guard texts.contains(where: { !$0.isEmpty }) else {
            return Finding(
                "VXLAN port", .unknown, "the node's sockets cannot be read from /proc",
                advice: "mount the node's /proc below -root, or run this command on the node")
        }
        let isTaken = texts.contains { Self.hasProgram($0, port) }
        return isTaken
            ? Finding(
                "VXLAN port", .failed, "a program has a socket on UDP port \(port), the port of the pods' tunnels",
                advice: "find it with 'ss -ulpn', and stop it, or set VXLAN_PORT of all adaptors to a free port")
            : Finding("VXLAN port", .ok, "no other program has UDP port \(port)")
    }

    /// Whether a table of /proc/net/udp has a socket of a program on `port`.
    static func hasProgram(_ table: String, _ port: Int) -> Bool {
        table.split(separator: "\n").dropFirst().contains { line in
            let fields = line.split(separator: " ")
            guard fields.count > 9, let local = fields[1].split(separator: ":").last else { return false }
            return Int(local, radix: 16) == port && fields[9] != "0"
        }
    }

    /// Dials the forwarder of a VM, and says what the answer means.
    func checkForwarder() async -> Finding {
        let place = "\(options.vmAddress), TCP port \(options.forwarderPort)"
        let address = SocketAddress.tcp(host: options.vmAddress, port: UInt16(clamping: options.forwarderPort))
        do {
            let stream = try await Stream.connect(to: address, on: loop, deadline: .now + .seconds(5))
            stream.close()
            return Finding("forwarder", .ok, "a process listens on \(place)")
        } catch let error as SystemCallError where error.isRefused {
            return Finding(
                "forwarder", .failed, "\(place) refuses connections: the VM is reached, but no forwarder listens",
                advice: "read the VM's boot log: the forwarder has not started")
        } catch is DeadlineExceeded {
            return Finding(
                "forwarder", .failed, "\(place) does not answer within 5 s",
                advice: "allow the port in the security groups of the VM's subnet and interface, and check the routes "
                    + "(peerpodctl check azure does)")
        } catch {
            return Finding("forwarder", .failed, "\(place) cannot be reached: \(error)")
        }
    }
}
