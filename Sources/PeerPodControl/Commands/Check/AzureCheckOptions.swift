internal import AzurePreflight
internal import AzureProvider
internal import Configuration
internal import PodVMLifecycle
internal import Telemetry

/// The values of the flags of `peerpodctl check azure`: the adaptor's own flags that affect Azure, and a few more.
struct AzureCheckOptions: Sendable {
    var azure = AzureOptions()
    var pods = 1
    var nodeAddress = ""
    var patience = Duration.seconds(30)
    var isJSON = false
    var forwarderPort = 15150
    var vxlanPort = 4789
    var initdata = Secret("")

    static let command = Command(
        "peerpodctl check azure", summary: "check whether pods can start in Azure, without changing anything",
        details: """
            Takes the flags and the environment of cloud-api-adaptor azure. Checks the token, the subscription, the region, \
            permissions, VM sizes, quota, image, subnet, outbound connections and security groups, and reports what is \
            wrong and what to do. The exit status is 0 when pods can start, 1 when something prevents it, and 3 when nothing \
            is known to prevent it but some checks had no answer.
            """,
        defaults: AzureCheckOptions(),
        sections: [
            .init(
                "Flags",
                [
                    Setting(
                        "pods", \.pods, .integer(in: 1...100_000),
                        "The number of additional pods to check capacity for."),
                    Setting(
                        "node-address", \.nodeAddress, .string("ADDRESS"),
                        """
                        The IPv4 address from which the node reaches pod VMs. Without it, the node's metadata service is \
                        asked.
                        """
                    ),
                    Setting(
                        "timeout", \.patience, .duration(in: .seconds(1) ... .seconds(600)),
                        "The time limit of each request."),
                    Setting("json", \.isJSON, .bool, "Write a JSON object instead of text."),
                ]),
            .init("Flags of the adaptor", adaptor),
            .init("Flags of Azure", AzureOptions.settings.map { $0.within(\.azure) }),
        ])

    private static let adaptor: [Setting<AzureCheckOptions>] = [
        Setting(
            "forwarder-port", environment: "FORWARDER_PORT", \.forwarderPort, .integer(in: 1...65535),
            "The TCP port of agent-protocol-forwarder in the pod VMs."),
        Setting(
            "vxlan-port", environment: "VXLAN_PORT", \.vxlanPort, .integer(in: 1...65535),
            "The UDP port of the tunnels' packets."),
        Setting(
            "initdata", environment: "INITDATA", \.initdata, .secret("BASE64"),
            "Initdata for pods without an annotation of their own: base64(gzip(TOML))."),
    ]

    var situation: AzureCheck.Situation {
        var situation = AzureCheck.Situation()
        situation.pods = pods
        situation.nodeAddress = nodeAddress
        situation.patience = patience
        situation.forwarderPort = forwarderPort
        situation.vxlanPort = vxlanPort
        situation.initdataSize = initdata.reveal().utf8.count
        return situation
    }
}
