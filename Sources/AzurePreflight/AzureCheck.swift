package import AzureProvider
package import HTTPTransport
package import LinuxIO
package import PodVMLifecycle
package import Preflight
package import Telemetry

/// Checks, before the first pod, whether a pod could start in Azure. It only reads.
///
/// Every check has a time limit. A check that fails, or gets an unreadable answer, is a finding of its own, and the
/// other checks continue.
package struct AzureCheck: Sendable {
    /// The facts that the check needs and that the provider's settings do not have.
    package struct Situation: Sendable {
        /// The number of further pods that the quota should allow.
        package var pods = 1
        /// The TCP port of the VMs' forwarders.
        package var forwarderPort = 15150
        /// The UDP port of pods' packets.
        package var vxlanPort = 4789
        /// This node's address. If empty, the check requests it from the metadata service.
        package var nodeAddress = ""
        /// The size in bytes of the initdata for pods that have none of their own.
        package var initdataSize = 0
        /// The time limit of one check.
        package var patience = Duration.seconds(30)

        /// The defaults.
        package init() {}

        /// The defaults, with these ports and this size of the initdata in bytes.
        package init(forwarderPort: Int, vxlanPort: Int, initdataSize: Int) {
            self.forwarderPort = forwarderPort
            self.vxlanPort = vxlanPort
            self.initdataSize = initdataSize
        }
    }

    let options: AzureOptions
    let situation: Situation
    let client: ARMClient
    let account: AzureAccount
    /// The client for the node's own metadata service.
    let sender: any HTTPSender
    let clock: any LifecycleClock

    /// A check that sends its requests through this client.
    package init(
        _ options: AzureOptions, _ situation: Situation, client: ARMClient, sender: any HTTPSender,
        clock: any LifecycleClock
    ) {
        self.options = options
        self.situation = situation
        self.client = client
        self.sender = sender
        self.clock = clock
        account = client.account
    }

    /// A check with a client and a token of its own.
    package init(
        _ options: AzureOptions, _ situation: Situation, sender: any HTTPSender, on loop: EpollLoop, logger: Logger
    ) {
        let (clock, metrics) = (LoopClock(loop: loop), Metrics())
        let token = TokenSource(options, sender: sender, clock: clock, logger: logger, metrics: metrics)
        let client = ARMClient(
            AzureAccount(options), sender: sender, credential: token, clock: clock, logger: logger, metrics: metrics)
        self.init(options, situation, client: client, sender: sender, clock: clock)
    }

    /// All findings, in the order in which an operator reads them, without the secrets that Azure may repeat.
    package func run() async -> [Finding] {
        let redactor = client.credential.redactor
        return await findings().map { finding in
            Finding(
                finding.subject, finding.verdict, redactor.redacted(finding.text),
                advice: redactor.redacted(finding.advice))
        }
    }

    private func findings() async -> [Finding] {
        let settings =
            options.problems.map { Finding("settings", .failed, $0) }
            + options.warnings.map { Finding("settings", .warning, $0) } + userData
        let token = await checkToken()
        guard token.verdict == .ok else {
            return settings + [token, rest("because Azure needs a token for every request", "correct the credential")]
        }
        guard ResourceID.isName(options.subscriptionID) else {
            return settings + [token, rest("because the subscription's id is not usable", "correct the settings")]
        }
        let network = Topic("subnet", "the subnet \(options.subnetID)", flag: "subnetid")
        async let subscription = ask(
            Topic("subscription", "the subscription", flag: "subscriptionid"), checkSubscription)
        async let region = ask(Topic("region", "the list of regions", flag: "region"), checkRegion)
        async let group = ask(
            Topic("group", "the resource group \(options.resourceGroup)", flag: "resourcegroup"), checkGroup)
        async let rights = checkPermissions()
        async let sizes = ask(Topic("size", "the list of VM sizes", flag: "instance-size"), checkSizes)
        async let image = ask(Topic("image", "the image \(options.imageID)", flag: "imageid"), checkImage)
        async let subnet = ask(network, checkNetwork)
        return await settings + [token] + subscription + region + group + rights + sizes + image + subnet
    }

    private func rest(_ reason: String, _ advice: String) -> Finding {
        Finding("azure", .unknown, "nothing else was checked, \(reason)", advice: "\(advice), and run this again")
    }

    private func checkToken() async -> Finding {
        let findings = await ask(Topic("token", "the token", flag: "azure-credential")) { () throws(ReadFailure) in
            do throws(CredentialError) {
                let token = try await client.credential.token()
                let minutes = clock.now.duration(to: token.expires).components.seconds / 60
                return [
                    Finding("token", .ok, "\(client.credential.description) has a token, valid for \(minutes) minutes")
                ]
            } catch {
                let isFinal = error.kind == .incomplete || error.kind == .refused
                return [Finding("token", isFinal ? .failed : .unknown, "\(error)")]
            }
        }
        return findings.first ?? Finding("token", .unknown, "there is no answer")
    }

    /// The answer to one question, or the failure that prevented it.
    func ask(_ topic: Topic, _ question: @escaping @Sendable () async throws(ReadFailure) -> [Finding]) async
        -> [Finding]
    {
        await withTaskGroup(of: [Finding]?.self) { group in
            group.addTask {
                do throws(ReadFailure) { return try await question() } catch { return [topic.finding(error)] }
            }
            group.addTask {
                try? await clock.sleep(for: situation.patience)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first ?? [
                Finding(
                    topic.subject, .unknown,
                    "\(topic.what): no answer within \(situation.patience.components.seconds) seconds",
                    advice: "check that this node reaches \(account.endpoint), and run this again")
            ]
        }
    }
}
