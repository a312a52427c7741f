package import Configuration
internal import PodNetwork
internal import PodVMBoot
package import Telemetry

/// What an operator may set about the connection between a pod and its VM.
///
/// Names, variables and defaults are the Go adaptor's, so that its deployments work unchanged.
package struct PodConnectionSettings: Sendable {
    /// The TCP port of agent-protocol-forwarder in the pod VMs.
    package var forwarderPort = 15150
    /// Whether the node answers health checks of a VM that is out of reach.
    var answersHealth = true
    /// How the node and the VM authenticate each other.
    package var tls = TLSSettings()
    /// Initdata for pods that bring none.
    package var initdata = Secret("")
    /// Whether initdata that a guest would refuse is refused before a VM is created.
    var checksInitdata = true
    /// Whether the VMs set up encrypted scratch space.
    var wantsScratchSpace = false
    /// How the pods' networks reach the VMs.
    package var network = NetworkSettings()

    /// The defaults.
    package init() {}

    /// The flags and variables.
    package static let settings: [Setting<PodConnectionSettings>] =
        tunnel + TLSSettings.settings.map { $0.within(\.tls) } + boot
        + NetworkSettings.settings.map { $0.within(\.network) }

    private static let tunnel: [Setting<PodConnectionSettings>] = [
        Setting(
            "forwarder-port", environment: "FORWARDER_PORT", \.forwarderPort, .integer(in: 1...65535),
            "The TCP port of agent-protocol-forwarder in the pod VMs."),
        Setting(
            "answer-health-while-suspended", \.answersHealth, .bool,
            """
            Answer kata's health checks of a pod while the path to its VM is broken, for a minute at most. Otherwise kata \
            stops the pod after 30 seconds without an answer.
            """
        ),
    ]

    private static let boot: [Setting<PodConnectionSettings>] = [
        Setting(
            "initdata", environment: "INITDATA", \.initdata, .secret("BASE64"),
            "Initdata for pods without an initdata annotation: base64(gzip(TOML))."),
        Setting(
            "check-initdata", environment: "CHECK_INITDATA", \.checksInitdata, .bool,
            """
            Refuse initdata that a guest would refuse, before a VM is created: text that is not the TOML of initdata, and \
            another version or algorithm. false is for images whose guests accept other initdata.
            """
        ),
        Setting(
            "enable-scratch-space", environment: "ENABLE_SCRATCH_SPACE", \.wantsScratchSpace, .bool,
            "Set up encrypted scratch space in the pod VMs."),
    ]

    /// Checks what no single setting shows: texts, files, and combinations.
    ///
    /// - Throws: ``ConfigurationError`` with a sentence for each fault.
    package func options() throws(ConfigurationError) -> AgentConnector.Options {
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
                let given = try Initdata(packed: initdata.reveal())
                if checksInitdata { _ = try InitdataContent(given) }
                packed = given
            } catch {
                problems.append("-initdata: \(error)")
            }
        }
        for subnet in network.podSubnets where NetPrefix(subnet) == nil {
            problems.append("-pod-subnet-cidrs: \"\(subnet)\" is not a network such as 10.0.0.0/8")
        }
        guard let security, problems.isEmpty else { throw ConfigurationError(problems) }
        return AgentConnector.Options(
            forwarderPort: UInt16(clamping: forwarderPort), security: security, initdata: packed,
            checksInitdata: checksInitdata, wantsScratchSpace: wantsScratchSpace,
            allowsPodsWithoutNetwork: network.allowsPodsWithoutNetwork,
            answersHealth: answersHealth)
    }

    /// Settings that are allowed but probably not intended, as a sentence each.
    package var warnings: [String] { tls.warnings + network.warnings }
}
