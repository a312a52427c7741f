internal import Configuration
internal import LinuxIO
internal import PodVMBoot
internal import TLS
internal import Telemetry

/// The checked settings of the command line and the boot document together.
struct ForwarderSetup: Sendable {
    let document: BootDocument
    /// nil: serve without TLS.
    let security: TLSContext?
    /// nil: the node requests no network for the pod in this VM.
    let network: GuestNetwork?
    /// The VM's metadata service; nil if the pod may not reach it.
    let metadata: MetadataEndpoint?

    /// Reads the boot document and the files that the flags name. Throws an error that says what to correct.
    init(_ options: ForwarderOptions) throws(ForwarderError) {
        document = try Self.read(options.config)
        security = options.tls.isDisabled ? nil : try Self.context(options.tls, document)
        network = try GuestNetwork(document, options)
        metadata = options.offersMetadata ? try Self.metadata(options.metadataEndpoint.reveal()) : nil
    }

    private static func read(_ path: String) throws(ForwarderError) -> BootDocument {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try DurableFile.read(path, limit: BootDocument.sizeLimit)
        } catch {
            let advice =
                error.isMissing
                ? "`agent-protocol-forwarder provision` writes it when the VM boots: find out why it is missing,"
                    + " or name its path with -config"
                : "check the file that -config names"
            throw ForwarderError("the boot document cannot be read: \(error)", advice: advice)
        }
        do throws(BootError) {
            return try BootDocument(parsing: bytes)
        } catch {
            throw ForwarderError("the boot document \(path) is unusable: \(error.reason)", advice: error.advice)
        }
    }

    private static func metadata(_ endpoint: String) throws(ForwarderError) -> MetadataEndpoint {
        do throws(ConfigurationError) {
            return try MetadataEndpoint(parsing: endpoint.isEmpty ? MetadataEndpoint.azure : endpoint)
        } catch {
            throw ForwarderError("\(error)", advice: "correct it, or omit it to use Azure's")
        }
    }

    private static func context(
        _ flags: ForwarderOptions.TLSOptions, _ document: BootDocument
    ) throws(ForwarderError) -> TLSContext {
        let identity = try identity(flags, document)
        let clientCA = try clientCA(flags, document)
        return try usable { () throws(TLSError) in
            let profile =
                flags.minimumVersion.isEmpty && flags.cipherSuites.isEmpty
                ? try TLSProfile(
                    minimumVersion: document.minimumTLSVersion ?? "", cipherSuites: document.cipherSuites)
                : try TLSProfile(minimumVersion: flags.minimumVersion, cipherSuites: flags.cipherSuites)
            return try TLSContext.server(identity: identity, clientAuthorities: clientCA, profile: profile)
        }
    }

    private static func identity(
        _ flags: ForwarderOptions.TLSOptions, _ document: BootDocument
    ) throws(ForwarderError) -> CertifiedKey {
        guard flags.certificate.isEmpty == flags.key.isEmpty else {
            throw ForwarderError(
                "only one of -cert-file and -cert-key is given",
                advice: "give both, or neither and use the boot document's")
        }
        if !flags.certificate.isEmpty {
            return try usable { () throws(TLSError) in
                try PEMFile.certifiedKey(certificate: flags.certificate, key: flags.key)
            }
        }
        guard let key = document.serverKey, let certificate = document.serverCertificate else {
            throw ForwarderError(
                "there is no server certificate: the boot document has no tls-server-cert",
                advice: "give -cert-file and -cert-key, or let the node make one")
        }
        return CertifiedKey(certificate: certificate, key: key)
    }

    private static func clientCA(
        _ flags: ForwarderOptions.TLSOptions, _ document: BootDocument
    ) throws(ForwarderError) -> String {
        if !flags.clientCA.isEmpty {
            return try usable { () throws(TLSError) in try PEMFile.certificates(at: flags.clientCA) }
        }
        guard let authority = document.clientCA else {
            throw ForwarderError(
                "clients cannot be verified, so every client could control the agent: the boot document has no tls-client-ca",
                advice: "give -ca-cert-file, or -disable-tls in a test")
        }
        return authority
    }

    private static func usable<Value>(_ body: () throws(TLSError) -> Value) throws(ForwarderError) -> Value {
        do throws(TLSError) {
            return try body()
        } catch {
            throw ForwarderError("TLS cannot be served: \(error.code): \(error.reason)", advice: error.advice)
        }
    }
}
