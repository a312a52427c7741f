import TLS
import Telemetry
import Testing

@testable import Kubernetes

@Suite("The webhook's certificates")
struct ServingCertificateTests {
    private static let day = 24 * 3600
    private static let names = ["webhook.ns.svc", "webhook.ns.svc.cluster.local"]

    /// A plan whose certificates live this many days and are replaced when this many are left.
    private func plan(
        server: (life: Int, renewal: Int) = (90, 30), authority: (life: Int, renewal: Int) = (3650, 365),
        quietTime: Int = 3600, names: [String] = names
    ) -> ServingCertificatePlan {
        ServingCertificatePlan(
            names: names, server: (server.life * Self.day, server.renewal * Self.day),
            authority: (authority.life * Self.day, authority.renewal * Self.day), quietTime: quietTime)
    }

    @Test("are made when there are none, name the Service, and are good for longer")
    func made() throws {
        let plan = ServingCertificatePlan(service: "webhook", namespace: "ns")
        let made = try #require(try plan.replacement(for: nil))
        #expect(plan.fault(of: made) == nil)
        #expect(try plan.replacement(for: made) == nil)
        let facts = try CertificateFacts(pem: made.server.certificate)
        #expect(Self.names.allSatisfy(facts.isFor) && !facts.isFor("other.ns.svc"))
        #expect((89 * Self.day)...(90 * Self.day) ~= facts.remaining)
        #expect(ServingCertificate(data: made.data) != nil, "what is stored can be read")
    }

    @Test("a long name of the Service fits")
    func longName() throws {
        let name = String(repeating: "a", count: 63) + "." + String(repeating: "b", count: 63) + ".svc"
        let plan = plan(names: [name])
        #expect(plan.fault(of: try #require(try plan.replacement(for: nil))) == nil)
    }

    @Test("the server's certificate is replaced before its end, by the same authority")
    func renewal() throws {
        let old = try #require(try plan(server: (20, 10)).replacement(for: nil))
        let new = try #require(try plan().replacement(for: old))
        #expect(new.bundle == old.bundle)
        #expect(new.server.certificate != old.server.certificate)
        #expect(plan().fault(of: new) == nil)
    }

    @Test("a new authority joins the former one first, and issues nothing before every API server trusts it")
    func authority() throws {
        let old = try #require(try plan(server: (20, 10), authority: (300, 10)).replacement(for: nil))
        let joined = try #require(try plan().replacement(for: old))
        #expect(joined.server.certificate == old.server.certificate)
        #expect(joined.bundle.hasSuffix(old.bundle) && joined.bundle != old.bundle)
        #expect(plan().fault(of: joined) == nil)
        #expect(try plan().replacement(for: joined) == nil, "the new authority is in its quiet time")
        let later = try #require(try plan(quietTime: 0).replacement(for: joined))
        #expect(later.server.certificate != old.server.certificate)
        #expect(plan().fault(of: later) == nil)
    }

    @Test("what cannot be served is made again: expired, of another Service, with another key, or not PEM")
    func faults() throws {
        let good = try #require(try plan().replacement(for: nil))
        let other = try #require(try plan(names: ["other.ns.svc"]).replacement(for: nil))
        let expired = try #require(try plan(server: (0, 0)).replacement(for: nil))
        let broken: [(ServingCertificate, String)] = [
            (other, "does not name webhook.ns.svc"),
            (
                ServingCertificate(
                    bundle: good.bundle, authorityKey: good.authorityKey,
                    server: CertifiedKey(certificate: good.server.certificate, key: other.server.key)), "key"
            ),
            (
                ServingCertificate(bundle: other.bundle, authorityKey: other.authorityKey, server: good.server),
                "no authority"
            ),
            (
                ServingCertificate(
                    bundle: good.bundle, authorityKey: good.authorityKey,
                    server: CertifiedKey(certificate: "x", key: Secret("y"))), "cannot be read"
            ),
        ]
        for (certificate, hint) in broken {
            #expect(plan().fault(of: certificate)?.contains(hint) == true)
            let made = try #require(try plan().replacement(for: certificate))
            #expect(plan().fault(of: made) == nil)
        }
        // One second of life has passed, or it is replaced because nothing is left of it.
        #expect(try plan().replacement(for: expired) != nil)
    }

    @Test("an authority's key that does not belong to it makes a new authority")
    func wrongAuthorityKey() throws {
        let old = try #require(try plan(server: (20, 10)).replacement(for: nil))
        let damaged = ServingCertificate(bundle: old.bundle, authorityKey: Secret("no key"), server: old.server)
        let new = try #require(try plan().replacement(for: damaged))
        #expect(new.bundle != old.bundle)
        #expect(plan().fault(of: new) == nil)
    }

    @Test("a Secret without values, or with bytes that are no text, has no certificates")
    func data() {
        #expect(ServingCertificate(data: [:]) == nil)
        let bytes = Secret<[UInt8]>([0xFF, 0xFE])
        #expect(
            ServingCertificate(data: ["ca.crt": bytes, "ca.key": bytes, "tls.crt": bytes, "tls.key": bytes]) == nil)
    }
}
