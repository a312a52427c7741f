import AzureBackend
import Configuration
import PodConnection
import Synchronization
import Testing

@testable import CloudAPIAdaptor

/// Runs the program, and keeps what it says.
func run(_ arguments: [String], environment: [String: String] = [:]) -> (status: Int32, output: String, error: String) {
    let texts = Mutex((output: "", error: ""))
    let status = CloudAPIAdaptorCommand.run(
        arguments, environment: environment,
        output: .init(
            standard: { text in texts.withLock { $0.output += text } },
            error: { text in texts.withLock { $0.error += text } }))
    return texts.withLock { (status, $0.output, $0.error) }
}

@Suite("cloud-api-adaptor's command line")
struct CommandTests {
    @Test("without a provider it shows help on standard error and fails", arguments: [[], ["aws"], ["-socket", "x"]])
    func noProvider(arguments: [String]) {
        let (status, output, error) = run(arguments)
        #expect(status == 1)
        #expect(output.isEmpty)
        #expect(error.contains("Usage: cloud-api-adaptor COMMAND"))
    }

    @Test("without arguments, CLOUD_PROVIDER selects the provider, as in the Go adaptor's image")
    func providerOfTheEnvironment() {
        let account = [
            "AZURE_SUBSCRIPTION_ID": "s", "AZURE_REGION": "westeurope", "AZURE_RESOURCE_GROUP": "g",
            "AZURE_IMAGE_ID": "i", "AZURE_SUBNET_ID": "",
        ]
        let incomplete = run([], environment: account.merging(["CLOUD_PROVIDER": "azure"]) { $1 })
        #expect(incomplete.status == 1)
        #expect(incomplete.error == "AZURE_SUBNET_ID is NOT set\n")

        // A bad value shows that the settings are read, because then the adaptor does not start.
        let fake = run([], environment: ["CLOUD_PROVIDER": "azure", "FAKE_CLOUD": "true", "PROBE_PORT": "x"])
        #expect(fake.status == 1)
        #expect(fake.error.hasPrefix("cloud-api-adaptor azure: the value \"x\" of the environment variable PROBE_PORT"))

        let other = run([], environment: ["CLOUD_PROVIDER": "libvirt"])
        #expect(other.status == 1)
        #expect(other.error.contains("CLOUD_PROVIDER is \"libvirt\""))

        let command = run(["version"], environment: ["CLOUD_PROVIDER": "libvirt"])
        #expect(command.status == 0)
    }

    @Test("help and version succeed", arguments: [["help"], ["version"], ["azure", "-help"], ["gateway", "--help"]])
    func help(arguments: [String]) {
        let (status, output, error) = run(arguments)
        #expect(status == 0)
        #expect(output.contains("cloud-api-adaptor"))
        #expect(error.isEmpty)
    }

    @Test("help names every setting, in lines of at most 80 characters")
    func helpText() {
        let help = run(["azure", "-help"]).output
        for setting in AdaptorConfiguration.settings {
            #expect(help.contains("\n  -\(setting.name)"))
            if let variable = setting.environment { #expect(help.contains(variable)) }
        }
        #expect(help.split(separator: "\n").allSatisfy { $0.count <= 80 })
        #expect(help.contains("-fake-scenario"))
    }

    @Test("flags, variables and defaults are the Go adaptor's")
    func reference() throws {
        let reference: [(flag: String, variable: String?, value: String)] = [
            ("socket", "REMOTE_HYPERVISOR_ENDPOINT", "/run/peerpod/hypervisor.sock"),
            ("pods-dir", "PODS_DIR", "/run/peerpod/pods"), ("pause-image", "PAUSE_IMAGE", ""),
            ("forwarder-port", "FORWARDER_PORT", "15150"), ("ca-cert-file", "CACERT_FILE", ""),
            ("cert-file", "CERT_FILE", ""), ("cert-key", "CERT_KEY", ""),
            ("tls-skip-verify", "TLS_SKIP_VERIFY", "false"), ("tls-min-version", "TLS_MIN_VERSION", ""),
            ("tls-cipher-suites", "TLS_CIPHER_SUITES", ""), ("proxy-timeout", "PROXY_TIMEOUT", "5m"),
            ("tunnel-type", "TUNNEL_TYPE", "vxlan"), ("vxlan-port", "VXLAN_PORT", "4789"),
            ("initdata", "INITDATA", ""), ("cloud-config-verify", "CLOUD_CONFIG_VERIFY", "false"),
            ("peerpods-limit-per-node", "PEERPODS_LIMIT_PER_NODE", "10"),
            ("enable-scratch-space", "ENABLE_SCRATCH_SPACE", "false"),
            ("ext-network-via-podvm", "EXTERNAL_NETWORK_VIA_PODVM", "false"),
            ("pod-subnet-cidrs", "POD_SUBNET_CIDRS", ""), ("disable-tls", nil, "false"), ("host-interface", nil, ""),
            ("vxlan-min-id", nil, "555000"),
        ]
        let values = Dictionary(
            uniqueKeysWithValues: AzureConfiguration.command.values(of: AzureConfiguration()).map {
                ($0.name, $0.value)
            })
        for (flag, variable, value) in reference {
            let setting = try #require(AdaptorConfiguration.settings.first { $0.name == flag }, "\(flag)")
            #expect(setting.environment == variable)
            #expect(values[flag] == value, "\(flag)")
        }
    }

    @Test(
        "an invalid value gives an error that names it",
        arguments: [
            (["-gateway", "gateway.sock"], "-gateway"), (["-forwarder-port", "0"], "-forwarder-port"),
            (["-vxlan-port", "65536"], "-vxlan-port"),
            (["-vxlan-min-id", "16777216"], "-vxlan-min-id"), (["-tunnel-type", "ipip"], "only vxlan"),
            (["-proxy-timeout", "300"], "300s or 300m"), (["-proxy-timeout", "0s"], "from 1ms"),
            (["-peerpods-limit-per-node", "many"], "a whole number"), (["-log-level", "loud"], "one of debug"),
            (["-probe-port", "65536"], "from 0 to 65535"), (["-initdata", "%%%"], "base64"),
            (["-initdata", "aGVsbG8="], "gzip"),
            // Version 0.2.0; a comment.
            (
                [
                    "-initdata",
                    "H4sIAAAAAAACA0vMSc8vyizJyFWwVVAqzkg0MjVT4ipLLSrOzM8DCRnoGekZKHFFpySWJMZyAQBd+YvkLgAAAA==",
                ],
                "only 0.1.0 is known"
            ),
            (["-initdata", "H4sIAAAAAAACA1NWSM7PzU3NK+ECAN3SdNYKAAAA"], "it has no version"),
            (["-pod-subnet-cidrs", "10.0.0.0/8,10.0.0.0"], "\"10.0.0.0\" is not a network"),
            (["-tls-min-version", "VersionTLS11"], "VersionTLS12 or VersionTLS13"),
            (
                ["-tls-min-version", "VersionTLS13", "-tls-cipher-suites", "TLS_AES_128_GCM_SHA256"],
                "tls-cipher-suites"
            ),
            (["-tls-cipher-suites", "ROT13"], "ROT13"), (["-ca-cert-file", "/nowhere"], "/nowhere"),
            (["-tls-skip-verify", "-ca-cert-file", "/nowhere"], "contradicts -ca-cert-file"),
            (["-cert-file", "/nowhere"], "-cert-file and -cert-key go together"),
            (["-fake-boot-delay", "rain"], "a duration"), (["surplus"], "takes only flags"),
        ])
    func refused(arguments: [String], words: String) {
        let (status, output, error) = run(["azure", "-fake-cloud"] + arguments)
        #expect(status == 1)
        #expect(output.isEmpty)
        #expect(error.hasPrefix("cloud-api-adaptor azure: "))
        #expect(error.contains(words), "\(error)")
    }

    @Test(
        "a bad value of a ConfigMap gives an error that names its key, and the adaptor does not start",
        arguments: [
            ("PEERPODS_LIMIT_PER_NODE", "ten"), ("PROXY_TIMEOUT", "5"), ("DISABLECVM", "maybe"), ("TAGS", "a"),
            ("ROOT_VOLUME_SIZE", "big"), ("VXLAN_PORT", "0"), ("FORWARDER_PORT", "http"), ("TLS_MIN_VERSION", "1.2"),
            ("ACCEPTED_TEES", "sgx"),
        ])
    func badConfigMap(key: String, value: String) {
        let (status, output, error) = run(["azure"], environment: ["FAKE_CLOUD": "true", key: value])
        #expect(status == 1 && output.isEmpty)
        #expect(error.contains(key), "\(error)")
    }

    @Test(
        "FAKE_CLOUD is refused beside any setting of a real account, and the flag is not",
        arguments: [
            "AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_SUBNET_ID", "AZURE_IMAGE_ID", "AZURE_CLIENT_SECRET",
            "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE",
        ])
    func fakeBesideReal(variable: String) throws {
        let environment = ["FAKE_CLOUD": "true", variable: "hush-hush"]
        let (status, output, error) = run(["azure"], environment: environment)
        #expect(status == 1 && output.isEmpty)
        #expect(error.contains("FAKE_CLOUD is set beside settings of a real Azure account") && error.contains(variable))
        #expect(error.contains("-fake-cloud if the fake is meant"))
        #expect(!error.contains("hush-hush"))
        func problems(_ arguments: [String], _ environment: [String: String]) throws -> [String] {
            guard case .run(let options, _) = try AzureConfiguration.command.parse(arguments, environment: environment)
            else { return ["help"] }
            return options.cloud.problems
        }
        #expect(try problems(["-fake-cloud"], environment).isEmpty)
        #expect(try problems(["-fake-cloud=true"], environment).isEmpty)
        #expect(try problems([], ["FAKE_CLOUD": "1", "AZURE_REGION": "eastus"]).isEmpty)
        #expect(try problems(["-fake-cloud=false"], environment).first?.contains("is not set") == true)
        let flags = try problems(["-subscriptionid", "x"], ["FAKE_CLOUD": "true"])
        #expect(flags.first?.contains("-subscriptionid (AZURE_SUBSCRIPTION_ID)") == true)
    }

    @Test("the error about an invalid initdata does not show the initdata")
    func initdata() {
        let (_, _, error) = run(["azure", "-fake-cloud"], environment: ["INITDATA": "c2VjcmV0"])
        #expect(error.contains("initdata"))
        #expect(!error.contains("c2VjcmV0"))
    }

    @Test("allowed but probably unintended settings give warnings")
    func warnings() {
        var configuration = AdaptorConfiguration()
        #expect(configuration.warnings.isEmpty)
        configuration.connection.tls.skipsVerification = true
        configuration.pauseImage = "pause:3"
        #expect(configuration.warnings.count == 2)
        configuration.connection.tls.isDisabled = true
        #expect(configuration.warnings.first?.hasPrefix("-disable-tls") == true)
    }
}
