import LinuxIO
import TestSupport
import Testing

@testable import TLS

@Suite("TLS profiles")
struct TLSProfileTests {
    @Test("the default is TLS 1.3, and with only cipher suites TLS 1.2 and later")
    func defaults() throws {
        #expect(try TLSProfile(minimumVersion: "") == .standard)
        #expect(TLSProfile.standard.minimumVersion == .tls13)
        let suites = try TLSProfile(
            minimumVersion: "", cipherSuites: [" TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 ", ""])
        #expect(suites.minimumVersion == .tls12)
        #expect(suites.cipherSuites == ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"])
    }

    @Test(
        "a profile that cannot be offered is refused with an error",
        arguments: [
            ("VersionTLS10", [], "VersionTLS10"), ("VersionTLS11", [], "VersionTLS11"),
            ("1.2", [], "1.2"), ("VersionTLS12", ["TLS_NOT_A_SUITE"], "TLS_NOT_A_SUITE"),
            ("VersionTLS13", ["TLS_AES_128_GCM_SHA256"], "VersionTLS13"),
        ])
    func refusals(version: String, suites: [String], named: String) throws {
        let error = #expect(throws: TLSError.self) {
            try TLSProfile(minimumVersion: version, cipherSuites: suites)
        }
        #expect(error?.code == .unusableProfile)
        #expect(error?.description.contains(named) == true)
    }

    @Test(
        "both ends obey their profile",
        arguments: [
            ("", [], "TLSv1.3 TLS_AES_128_GCM_SHA256"),
            ("VersionTLS12", [], "TLSv1.3 TLS_AES_128_GCM_SHA256"),
            ("VersionTLS12", ["TLS_AES_256_GCM_SHA384"], "TLSv1.3 TLS_AES_256_GCM_SHA384"),
        ])
    func honoured(version: String, suites: [String], agreed: String) async throws {
        try await onLoop { loop in
            let identity = try TestIdentity.make(name: "podvm-a")
            let profile = try TLSProfile(minimumVersion: version, cipherSuites: suites)
            let server = try identity.serverContext(profile: TLSProfile(minimumVersion: "VersionTLS12"))
            let client = try identity.clientContext(profile: profile)
            #expect(try await Handshake.run(client, server, on: loop).ends().client.parameters == agreed)
        }
    }

    @Test("a cipher suite of TLS 1.2, given by its IANA name, is used with a peer that has only TLS 1.2")
    func olderPeer() throws {
        let chosen = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
        #expect(TLSContext.nameOfCipher(chosen) == "ECDHE-ECDSA-CHACHA20-POLY1305")
        #expect(TLSContext.nameOfCipher("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305") == "ECDHE-ECDSA-CHACHA20-POLY1305")
    }

    @Test("ends without a common cipher suite report it")
    func incompatible() async throws {
        try await onLoop { loop in
            let identity = try TestIdentity.make(name: "podvm-a")
            let one = try TLSProfile(minimumVersion: "VersionTLS12", cipherSuites: ["TLS_AES_128_GCM_SHA256"])
            let other = try TLSProfile(minimumVersion: "VersionTLS12", cipherSuites: ["TLS_AES_256_GCM_SHA384"])
            let handshake = try await Handshake.run(
                identity.clientContext(profile: one), identity.serverContext(profile: other), on: loop)
            #expect(handshake.clientCode == .incompatible)
            #expect(handshake.serverCode == .incompatible)
        }
    }
}
