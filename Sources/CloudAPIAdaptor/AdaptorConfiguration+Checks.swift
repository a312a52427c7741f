internal import Configuration
internal import PodNetwork
internal import PodVMBoot
internal import Telemetry

extension AdaptorConfiguration {
    /// Looks at what no single setting shows: texts, files, and what goes together.
    ///
    /// - Throws: ``ConfigurationError`` with a sentence for each thing that is wrong.
    func connectorOptions() throws(ConfigurationError) -> AgentConnector.Options {
        var problems: [String] = []
        var security: TunnelSecurity?
        do throws(ConfigurationError) {
            security = try TunnelSecurity(tls)
        } catch {
            problems += error.problems
        }
        var packed: Initdata?
        if !initdata.reveal().isEmpty {
            do throws(BootError) {
                packed = try Initdata(packed: initdata.reveal())
            } catch {
                problems.append("-initdata: \(error)")
            }
        }
        for subnet in network.podSubnets where NetPrefix(subnet) == nil {
            problems.append("-pod-subnet-cidrs: \"\(subnet)\" is no network such as 10.0.0.0/8")
        }
        guard let security, problems.isEmpty else { throw ConfigurationError(problems) }
        return AgentConnector.Options(
            forwarderPort: UInt16(clamping: forwarderPort), security: security, initdata: packed,
            wantsScratchSpace: wantsScratchSpace, allowsPodsWithoutNetwork: network.allowsPodsWithoutNetwork)
    }

    /// What is allowed, but probably not what is wanted.
    var warnings: [String] {
        var warnings: [String] = []
        if tls.isDisabled { warnings.append("-disable-tls: agent connections to pod VMs are in the clear") }
        if tls.skipsVerification, !tls.isDisabled {
            warnings.append("-tls-skip-verify: whoever has a pod VM's address is taken for that VM")
        }
        if network.allowsPodsWithoutNetwork {
            warnings.append(
                "-allow-pods-without-network: sandboxes without a network namespace stay until StopVM, also when their shim "
                    + "has died")
        }
        if !pauseImage.isEmpty { warnings.append("-pause-image has no effect any more") }
        if network.isExternalThroughVM {
            warnings.append("-ext-network-via-podvm has no effect yet: pods reach the outside through the node")
        }
        return warnings
    }
}
