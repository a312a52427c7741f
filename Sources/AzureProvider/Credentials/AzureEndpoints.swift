/// The servers of one of Azure's clouds.
package struct AzureEndpoints: Equatable, Sendable {
    /// Microsoft Entra ID, which gives tokens to applications.
    package var authority: String
    /// Azure Resource Manager.
    package var management: String
    /// What a token is asked for: all of Resource Manager.
    package var scope: String
    /// The metadata service of the VM that we run in.
    package var metadata: String

    /// The cloud's, except where the options name others.
    package init(_ options: AzureOptions) {
        let own = options.cloud.endpoints
        authority = Self.given(options.authorityHost) ?? own.authority
        management = Self.given(options.managementEndpoint) ?? own.management
        scope = own.scope
        metadata = Self.given(options.metadataEndpoint) ?? AzureOptions().metadataEndpoint
    }

    /// The scope as the metadata service wants it.
    package var audience: String { scope.hasSuffix("/.default") ? String(scope.dropLast(9)) : scope }

    /// AKS writes `AZURE_AUTHORITY_HOST` with a slash at its end, others without.
    private static func given(_ endpoint: String) -> String? {
        let text = endpoint.drop { $0 == " " }.reversed().drop { $0 == "/" || $0 == " " }.reversed()
        return text.isEmpty ? nil : String(text)
    }
}

extension AzureCloud {
    /// Hosts and scopes as the SDKs have them.
    var endpoints: (authority: String, management: String, scope: String) {
        switch self {
        case .public:
            (
                "https://login.microsoftonline.com", "https://management.azure.com",
                "https://management.azure.com/.default"
            )
        case .usGovernment:
            (
                "https://login.microsoftonline.us", "https://management.usgovcloudapi.net",
                "https://management.core.usgovcloudapi.net/.default"
            )
        case .china:
            (
                "https://login.chinacloudapi.cn", "https://management.chinacloudapi.cn",
                "https://management.chinacloudapi.cn/.default"
            )
        }
    }
}
