import Doubles
import Encoding
import FakeKubernetes
import JSON
import Kubernetes
import LinuxIO
import PodVMLifecycle
import TLS
import TestSupport
import Testing

@Suite("Certificates that replicas share")
struct CertificateKeeperTests {
    private static let rights: Set<AccessRules.Right> = [
        .init("get", "secrets"), .init("patch", "secrets"), .init("get", "mutatingwebhookconfigurations"),
        .init("patch", "mutatingwebhookconfigurations"),
    ]

    private func keeper(_ fake: FakeCluster) -> CertificateKeeper {
        CertificateKeeper(
            fake.client, secret: "webhook", in: "default", configuration: "one-webhook",
            plan: ServingCertificatePlan(service: "webhook", namespace: "default"), clock: FastClock(loop: fake.loop))
    }

    private func prepare(_ fake: FakeCluster) {
        fake.cluster.insert(["metadata": ["name": "webhook"], "type": "Opaque"], "secrets", in: "default")
        fake.cluster.insert(
            [
                "metadata": ["name": "one-webhook"],
                "webhooks": [
                    [
                        "name": "pods.peerpod.dev", "sideEffects": "None", "admissionReviewVersions": ["v1"],
                        "clientConfig": ["service": ["name": "webhook", "namespace": "default"]],
                    ]
                ],
            ], "mutatingwebhookconfigurations")
    }

    private func bundle(_ fake: FakeCluster) -> String? {
        fake.cluster.objects("mutatingwebhookconfigurations").first?["webhooks"]?.arrayValue?.first?["clientConfig"]?[
            "caBundle"]?.stringValue
    }

    @Test("the leader fills the Secret and the configuration, and another replica serves the same certificate")
    func shared() async throws {
        try await FakeCluster.run(rights: Self.rights) { fake in
            prepare(fake)
            let (leader, other) = (keeper(fake), keeper(fake))
            let served = Lock<[String]>([])
            try await alongside([
                { await leader.keep { true } },
                { await other.follow { certificate in served.withLock { $0.append(certificate.server.certificate) } } },
            ]) {
                try await eventually(on: fake.loop, "the served certificate") { served.withLock { $0.count } == 1 }
                try await eventually(on: fake.loop, "the authority") { bundle(fake) != nil }
                let data = try #require(fake.cluster.objects("secrets", in: "default").first?["data"]?.objectValue)
                #expect(Set(data.keys) == ["ca.crt", "ca.key", "tls.crt", "tls.key"])
                #expect(bundle(fake) == data["ca.crt"]?.stringValue)
                let certificate = served.withLock { $0[0] }
                #expect(data["tls.crt"]?.stringValue == Base64.encode(Array(certificate.utf8)))
            }
        }
    }

    @Test("a replica that may not act writes nothing")
    func notLeading() async throws {
        try await FakeCluster.run(rights: Self.rights) { fake in
            prepare(fake)
            try await alongside({ await keeper(fake).keep { false } }) {
                try await eventually(on: fake.loop, "a read") { !fake.cluster.requests.isEmpty }
                try await fake.loop.sleep(for: .milliseconds(200))
                #expect(fake.cluster.requests.allSatisfy { !$0.contains(" patch ") })
            }
        }
    }

    @Test("a Secret that is missing is reported again and again, and is used when it exists")
    func missingSecret() async throws {
        try await FakeCluster.run(rights: Self.rights) { fake in
            try await alongside({ await keeper(fake).keep { true } }) {
                try await eventually(on: fake.loop, "a read") { !fake.cluster.requests.isEmpty }
                prepare(fake)
                try await eventually(on: fake.loop, "the authority") { bundle(fake) != nil }
            }
        }
    }
}
