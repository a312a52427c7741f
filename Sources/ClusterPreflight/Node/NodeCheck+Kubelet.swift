internal import LinuxIO
internal import Preflight

extension NodeCheck {
    /// The time limit that images of usual size need, which the VM pulls while a container is created.
    private static var imageTime: Duration { .seconds(600) }

    /// Compares kubelet's time limit with the adaptor's and kata's: kubelet cancels what takes longer, and tries again
    /// with a new sandbox.
    func checkKubelet(_ kubelet: KubeletConfiguration, _ kata: KataConfiguration?) -> [Finding] {
        var findings = kubelet.faults.map { unreadable("kubelet", $0) }
        guard kubelet.exists else {
            findings.append(
                Finding(
                    "kubelet", .unknown, "no configuration of kubelet is in its usual places, and no kubelet runs here",
                    advice: "run this command on the node, or with -root DIR for a node that is mounted at DIR"))
            return findings
        }
        let timeout = kubelet.requestTimeout
        // Kubelet gives RunPodSandbox twice the time of other calls.
        let sandbox = timeout * 2
        let shown =
            "runtimeRequestTimeout is \(Self.text(timeout)) (\(kubelet.source)): RunPodSandbox may take "
            + "\(Self.text(sandbox)), CreateContainer \(Self.text(timeout))"
        var problems: [String] = []
        var needed = Self.imageTime
        if sandbox < options.proxyTimeout {
            problems.append(
                "kubelet gives up a VM before the adaptor's -proxy-timeout of \(Self.text(options.proxyTimeout)) is over"
            )
            needed = max(needed, options.proxyTimeout)
        }
        if timeout < Self.imageTime {
            problems.append("the VM must pull an image within \(Self.text(timeout))")
        }
        if let container = kata?.createContainerTimeout.map({ Duration.seconds($0) }), container > timeout {
            problems.append("kata's create_container_timeout of \(Self.text(container)) has no effect above that")
            needed = max(needed, container)
        }
        if problems.isEmpty {
            findings.append(Finding("kubelet", .ok, shown))
        } else {
            findings.append(
                Finding(
                    "kubelet", .warning, "\(shown); \(problems.joined(separator: "; "))",
                    advice: "set runtimeRequestTimeout: \(Self.text(needed)) in kubelet's configuration, and restart "
                        + "kubelet"))
        }
        return findings
    }

    static func text(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        return seconds % 60 == 0 && seconds > 0 ? "\(seconds / 60)m" : "\(seconds)s"
    }
}
