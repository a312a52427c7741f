internal import HTTPTransport
internal import PodVMLifecycle
internal import Telemetry

/// Chooses the credential: the configured kind, or the first kind that has all its settings, in the order client
/// secret, workload identity, managed identity.
struct CredentialChain {
    let credential: any Credential

    init(_ options: AzureOptions, sender: any HTTPSender, clock: any LifecycleClock, redactor: Redactor) {
        let secret = EntraCredential(
            .secret(options.clientSecret), options, sender: sender, clock: clock, redactor: redactor)
        let workload = EntraCredential(
            .tokenFile(options.federatedTokenFile), options, sender: sender, clock: clock, redactor: redactor)
        let managed = MetadataCredential(options, sender: sender, clock: clock, redactor: redactor)
        switch options.credential {
        case .clientSecret: credential = Self.complete(secret, .clientSecret, options)
        case .workloadIdentity: credential = Self.complete(workload, .workloadIdentity, options)
        case .managedIdentity: credential = managed
        case .automatic:
            if Self.missing(.clientSecret, options).isEmpty {
                credential = secret
            } else if Self.missing(.workloadIdentity, options).isEmpty {
                credential = workload
            } else if options.clientSecret.reveal().isEmpty, options.federatedTokenFile.isEmpty {
                credential = managed
            } else {
                // A secret or a file in the settings means that the operator does not want the node's identity.
                let kind: CredentialKind =
                    options.clientSecret.reveal().isEmpty ? .workloadIdentity : .clientSecret
                credential = IncompleteCredential(kind, missing: Self.missing(kind, options))
            }
        }
    }

    private static func complete(
        _ credential: any Credential, _ kind: CredentialKind, _ options: AzureOptions
    ) -> any Credential {
        let missing = missing(kind, options)
        return missing.isEmpty ? credential : IncompleteCredential(kind, missing: missing)
    }

    /// The settings that a kind of credential lacks, by the names of their variables.
    static func missing(_ kind: CredentialKind, _ options: AzureOptions) -> [String] {
        var wanted: [(String, String)] = []
        switch kind {
        case .automatic, .managedIdentity: return []
        case .clientSecret: wanted = [("AZURE_CLIENT_SECRET", options.clientSecret.reveal())]
        case .workloadIdentity: wanted = [("AZURE_FEDERATED_TOKEN_FILE", options.federatedTokenFile)]
        }
        wanted += [("AZURE_CLIENT_ID", options.clientID), ("AZURE_TENANT_ID", options.tenantID)]
        return wanted.filter { $0.1.isEmpty }.map { $0.0 }
    }
}

/// A credential whose settings are incomplete: each request for a token fails and names the missing settings.
struct IncompleteCredential: Credential {
    let description: String

    init(_ kind: CredentialKind, missing: [String]) {
        description = "the \(kind.rawValue) credential, which lacks \(missing.joined(separator: " and "))"
    }

    func token(_ urgency: TokenUrgency) async throws(CredentialError) -> AccessToken {
        throw CredentialError(
            .incomplete,
            "No token for Azure from \(description): set what is missing, or choose another credential with "
                + "-azure-credential (\(CredentialKind.allCases.map(\.rawValue).joined(separator: ", ")))")
    }
}
