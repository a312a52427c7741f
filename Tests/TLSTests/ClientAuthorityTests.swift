import LinuxIO
import Telemetry
import TestSupport
import Testing

@testable import TLS

@Suite("The clients that a VM accepts")
struct ClientAuthorityTests {
    /// A root, an intermediate authority below it, and two clients that the intermediate has issued certificates for.
    private struct Chain {
        let root: String
        let intermediate: String
        let clients: [CertifiedKey]

        init() async throws {
            let directory = try TemporaryDirectory()
            _ = try directory.write("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n", to: "ca")
            _ = try directory.write("basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n", to: "client")
            try await Chain.run(
                """
                cd \(directory.path)
                key="ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
                openssl req -x509 -newkey $key -keyout root.key -out root.crt -subj /CN=root -days 30
                issue() {
                    openssl req -new -newkey $key -keyout $1.key -out $1.csr -subj /CN=$1
                    openssl x509 -req -in $1.csr -CA $2.crt -CAkey $2.key -CAcreateserial -days 30 -extfile $3 -out $1.crt
                }
                issue intermediate root ca
                issue one intermediate client
                issue two intermediate client
                """)
            func text(_ name: String) throws -> String {
                String(decoding: try DurableFile.read("\(directory.path)/\(name)", limit: 1 << 20), as: UTF8.self)
            }
            root = try text("root.crt")
            intermediate = try text("intermediate.crt")
            let chain = intermediate
            clients = try ["one", "two"].map {
                CertifiedKey(certificate: try text("\($0).crt") + chain, key: Secret(try text("\($0).key")))
            }
        }

        private static func run(_ script: String) async throws {
            try await onLoop { loop in
                var options = ChildProcess.Options(executable: "/bin/bash", arguments: ["-ec", script])
                options.output = .null
                options.error = .null
                let child = try ChildProcess.start(options, on: loop)
                let end = try await child.wait()
                #expect(end == .exited(0))
            }
        }
    }

    /// One chain for all tests, because openssl makes each key and each certificate in a process of its own.
    private static let made = Task { try await Chain() }

    private let identity: TestIdentity
    private let chain: Chain

    init() async throws {
        identity = try TestIdentity.make(name: "podvm-a")
        chain = try await Self.made.value
    }

    @Test("a chain admits the node's own certificate, and no other certificate of the same intermediate")
    func leaf() async throws {
        // What Go's adaptor writes, with and without the root, and what ours writes.
        let one = chain.clients[0]
        for authorities in [one.certificate, one.certificate + chain.root, try one.ownCertificate()] {
            await #expect(try handshakes(trusting: authorities) == [nil, .untrustedPeer])
        }
    }

    @Test("an authority admits every certificate that it has issued", arguments: [false, true])
    func authority(isWhole: Bool) async throws {
        let authorities = isWhole ? chain.intermediate + chain.root : chain.intermediate
        await #expect(try handshakes(trusting: authorities) == [nil, nil])
    }

    @Test("a root admits the certificates of its intermediates, because clients send the chain")
    func root() async throws {
        await #expect(try handshakes(trusting: chain.root) == [nil, nil])
    }

    @Test("only the first certificate of a chain is its own certificate")
    func own() throws {
        let own = try chain.clients[0].ownCertificate()
        #expect(own.split(separator: "BEGIN CERTIFICATE").count == 2)
        #expect(chain.clients[0].certificate.hasPrefix(own))
        #expect(throws: TLSError.self) { try CertifiedKey(certificate: "", key: Secret("")).ownCertificate() }
    }

    /// What the VM's end says to each of the clients; nil lets it in.
    private func handshakes(trusting authorities: String) async throws -> [TLSError.Code?] {
        try await onLoop { [identity, chain] loop in
            let server = try TLSContext.server(identity: identity.server, clientAuthorities: authorities)
            var codes: [TLSError.Code?] = []
            for client in chain.clients {
                let context = try TLSContext.client(trusting: identity.authority, identity: client)
                codes.append(try await Handshake.run(context, server, on: loop).serverCode)
            }
            return codes
        }
    }
}
