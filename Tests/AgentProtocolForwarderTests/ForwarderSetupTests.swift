import AgentTunnel
import ForwarderRig
import LinuxIO
import PodVMBoot
import TLS
import Telemetry
import Testing

@testable import AgentProtocolForwarder

@Suite("The forwarder's start")
struct ForwarderSetupTests {
    private let guest: Guest
    private let identity: SandboxIdentity

    init() throws {
        guest = try Guest()
        identity = try SandboxIdentity.make(vmName: Guest.vmName)
    }

    private func refusal(_ options: ForwarderOptions) -> String? {
        #expect(throws: ForwarderError.self) { try ForwarderSetup(options) }?.description
    }

    @Test("takes its certificate and the trusted authority from the boot document")
    func fromDocument() throws {
        try guest.write(identity)
        let setup = try ForwarderSetup(guest.options)
        #expect(setup.security != nil)
        #expect(setup.document.podName == "pod")
    }

    @Test("fails with an error that says so when the boot document is missing or cannot be used")
    func document() throws {
        #expect(refusal(guest.options)?.contains("No such file or directory") == true)
        #expect(refusal(guest.options)?.contains("agent-protocol-forwarder provision") == true)
        try guest.write(identity)
        let whole = try DurableFile.read(guest.config, limit: 1 << 20)
        for count in [0, 1, 100, whole.count - 3] {
            try DurableFile.write(Array(whole[..<count]), to: guest.config)
            #expect(refusal(guest.options)?.contains("the boot document \(guest.config) is unusable") == true)
        }
        _ = try guest.write("{\"pod-name\": 1, \"pod-namespace\": \"b\"}", to: "apf.json")
        #expect(refusal(guest.options)?.contains("pod-name: expected a string, found a whole number") == true)
        _ = try guest.write("{\"pod-name\":\"a\",\"pod-namespace\":\"b\",\"pod-network\":{\"mtu\":1}}", to: "apf.json")
        #expect(refusal(guest.options)?.contains("pod-network.tunnel-type") == true)
        try DurableFile.write([UInt8](repeating: 0x20, count: 1 << 20), to: guest.config)
        #expect(refusal(guest.options)?.contains("bytes, which is its limit") == true)
    }

    @Test("does not start without an authority for its clients, unless TLS is switched off")
    func withoutClientCA() throws {
        try guest.write(identity) { $0.clientCA = nil }
        #expect(refusal(guest.options)?.contains("clients cannot be verified") == true)
        var options = guest.options
        options.tls.skipsVerification = true
        #expect(refusal(options)?.contains("clients cannot be verified") == true)
        options.tls.isDisabled = true
        #expect(try ForwarderSetup(options).security == nil)
    }

    @Test("needs a certificate and its key")
    func withoutIdentity() throws {
        try guest.write(nil) { $0.clientCA = identity.client.certificate }
        #expect(refusal(guest.options)?.contains("no server certificate") == true)
        var options = guest.options
        options.tls.certificate = "/x"
        #expect(refusal(options)?.contains("only one of -cert-file and -cert-key") == true)
        options.tls.key = "/y"
        #expect(refusal(options)?.contains("No such file or directory") == true)
        try guest.write(identity) { $0.serverKey = .init("no key") }
        #expect(refusal(guest.options)?.contains("TLS cannot be served") == true)
        try guest.write(identity) { $0.serverKey = identity.client.key }
        #expect(refusal(guest.options)?.contains("TLS cannot be served") == true, "a key of another certificate")
    }

    @Test("knows the address of the VM's metadata service only if the pod may use the service")
    func metadata() throws {
        try guest.write(identity)
        var options = guest.options
        options.metadataEndpoint = .init("nowhere")
        #expect(try ForwarderSetup(options).metadata == nil)
        options.offersMetadata = true
        #expect(refusal(options)?.contains("-imds-endpoint \"nowhere\" is not an endpoint") == true)
        options.metadataEndpoint = .init("http://169.254.169.254:8080/x")
        #expect(try ForwarderSetup(options).metadata?.prefix == "/x")
        options.metadataEndpoint = .init("")
        #expect(try ForwarderSetup(options).metadata?.description == "169.254.169.254:80")
    }

    @Test("files that flags name replace those of the boot document")
    func flags() throws {
        try guest.write(identity) {
            $0.serverKey = .init("no key")
            $0.clientCA = "no authority"
        }
        var options = guest.options
        options.tls.certificate = try guest.write(identity.server.certificate, to: "tls.crt")
        options.tls.key = try guest.write(identity.server.key.reveal(), to: "tls.key")
        options.tls.clientCA = try guest.write(identity.client.certificate, to: "ca.crt")
        #expect(try ForwarderSetup(options).security != nil)
        options.tls.clientCA = ""
        #expect(refusal(options)?.contains("TLS cannot be served") == true)
    }

    @Test("the TLS profile comes from the boot document unless flags give one")
    func profile() throws {
        try guest.write(identity) { $0.minimumTLSVersion = "VersionTLS11" }
        #expect(refusal(guest.options)?.contains("VersionTLS11") == true)
        var options = guest.options
        options.tls.minimumVersion = "VersionTLS12"
        options.tls.cipherSuites = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]
        #expect(try ForwarderSetup(options).security != nil)
        options.tls.cipherSuites = ["TLS_NONE"]
        #expect(refusal(options)?.contains("TLS_NONE") == true)
    }
}
