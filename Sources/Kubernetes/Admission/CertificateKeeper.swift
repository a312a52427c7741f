internal import Encoding
internal import JSON
package import PodVMLifecycle
internal import TLS
package import Telemetry

/// Keeps the webhook's certificates in a Secret that all replicas read, and its authorities in the webhook's configuration.
///
/// Only the leader writes. The Secret and the configuration must exist, so that no right to create objects is needed.
package struct CertificateKeeper: Sendable {
    /// The pause between two looks at the Secret.
    private static let pause = Duration.seconds(60)
    /// The pause after a failure, and while there is no certificate.
    private static let shortPause = Duration.seconds(5)

    private let client: KubernetesClient
    private let secret: ObjectName
    private let configuration: ObjectName
    private let plan: ServingCertificatePlan
    private let clock: any LifecycleClock
    private let logger: Logger

    /// A keeper for the Secret of that name, and for the MutatingWebhookConfiguration of that name.
    package init(
        _ client: KubernetesClient, secret: String, in namespace: String, configuration: String,
        plan: ServingCertificatePlan, clock: any LifecycleClock, logger: Logger = .silent
    ) {
        self.client = client
        self.secret = ObjectName(.secrets, secret, in: namespace)
        self.configuration = ObjectName(.webhookConfigurations, configuration)
        self.plan = plan
        self.clock = clock
        self.logger = logger
    }

    /// Passes each new certificate to `serve`, until cancelled. A certificate that cannot be served is not passed on.
    package func follow(_ serve: (ServingCertificate) async -> Void) async {
        var served = ""
        while !Task.isCancelled {
            do throws(KubernetesError) {
                let (certificate, _) = try await read()
                if let certificate, plan.fault(of: certificate) == nil, certificate.server.certificate != served {
                    served = certificate.server.certificate
                    await serve(certificate)
                }
            } catch {
                if error.kind == .cancelled { return }
                logger.warning("The webhook's certificate cannot be read; trying again", [LogField("error", error)])
            }
            do { try await clock.sleep(for: served.isEmpty ? Self.shortPause : Self.pause) } catch { return }
        }
    }

    /// Makes and replaces certificates, and writes the authorities to the configuration, until cancelled. It writes only while `mayAct`
    /// returns true.
    package func keep(while mayAct: @Sendable () -> Bool) async {
        while !Task.isCancelled {
            var pause = Self.pause
            do {
                try await keepOnce(mayAct)
            } catch {
                if Task.isCancelled { return }
                logger.warning(
                    "The webhook's certificates cannot be kept up to date; trying again",
                    [LogField("error", "\(error)")])
                pause = Self.shortPause
            }
            do { try await clock.sleep(for: pause) } catch { return }
        }
    }

    private func keepOnce(_ mayAct: () -> Bool) async throws {
        let (current, version) = try await read()
        var bundle = current?.bundle
        if let new = try plan.replacement(for: current), mayAct() {
            let reason = current.map { plan.fault(of: $0) ?? "the former one ends soon" } ?? "there was none"
            let data = new.data.sorted { $0.key < $1.key }
                .map { ($0.key, JSONValue.string(Base64.encode($0.value.reveal()))) }
            try await client.mergePatch(
                secret, ["metadata": ["resourceVersion": .string(version)], "data": .object(JSONObject(data))])
            logger.info("The webhook has new certificates", [LogField("secret", secret), LogField("reason", reason)])
            bundle = new.bundle
        }
        if let bundle, mayAct() { try await writeBundle(Base64.encode(Array(bundle.utf8))) }
    }

    /// Writes the authorities to each webhook of the configuration that has others.
    private func writeBundle(_ bundle: String) async throws {
        let object = try await client.get(configuration)
        for (index, webhook) in try (object.optionalObjects("webhooks") ?? []).enumerated() {
            let client = try webhook.object("clientConfig")
            if try client.optionalString("caBundle") == bundle { continue }
            let name = try webhook.string("name")
            try await self.client.jsonPatch(
                configuration,
                [
                    ["op": "test", "path": .string("/webhooks/\(index)/name"), "value": .string(name)],
                    [
                        "op": "add", "path": .string("/webhooks/\(index)/clientConfig/caBundle"),
                        "value": .string(bundle),
                    ],
                ])
            logger.info(
                "The API server trusts the webhook's authorities", [LogField("configuration", configuration.name)])
        }
    }

    /// The certificates of the Secret, nil if it has none, and the Secret's version.
    private func read() async throws(KubernetesError) -> (ServingCertificate?, version: String) {
        let object = try await client.get(secret)
        do throws(JSONError) {
            let secret = try ClusterSecret(object)
            return (ServingCertificate(data: secret.data), secret.metadata.resourceVersion)
        } catch {
            throw KubernetesError(.malformed, "get \(secret)", error.description)
        }
    }
}
