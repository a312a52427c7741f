/// The servers of one of Azure's clouds.
package struct AzureEndpoints: Equatable, Sendable {
    /// Microsoft Entra ID, which issues tokens to applications.
    package var authority: String
    /// Azure Resource Manager.
    package var management: String
    /// The scope of a token: all of Resource Manager.
    package var scope: String
    /// The metadata service of the VM that this process runs in.
    package var metadata: String

    /// The cloud's endpoints, except for those that the options name.
    package init(_ options: AzureOptions) {
        let own = options.cloud.endpoints
        authority = Self.given(options.authorityHost) ?? own.authority
        management = Self.given(options.managementEndpoint) ?? own.management
        scope = own.scope
        metadata = Self.given(options.metadataEndpoint) ?? AzureOptions().metadataEndpoint
    }

    /// The scope in the metadata service's form.
    package var audience: String { scope.hasSuffix("/.default") ? String(scope.dropLast(9)) : scope }

    /// AKS writes `AZURE_AUTHORITY_HOST` with a slash at its end, others without.
    private static func given(_ endpoint: String) -> String? {
        let text = endpoint.drop { $0 == " " }.reversed().drop { $0 == "/" || $0 == " " }.reversed()
        return text.isEmpty ? nil : String(text)
    }
}

extension AzureCloud {
    /// Hosts and scopes as in Azure's SDKs.
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

/// The URL of a service that has only a scheme, a host and maybe a port.
struct EndpointURL: Hashable, Sendable {
    /// Whether the scheme is `https`.
    let isSecure: Bool
    /// A name, or an address; an IPv6 address has brackets.
    let host: String
    /// The port of the URL; nil: that of the scheme.
    let port: UInt16?

    /// Nil when `text` has anything else: another scheme, a path, a user, a space.
    init?(_ text: String) {
        let (scheme, rest) = (text.prefix { $0 != ":" }, text.drop { $0 != ":" })
        guard rest.hasPrefix("://"), ["http", "https"].contains(scheme.lowercased()) else { return nil }
        isSecure = scheme.lowercased() == "https"
        let authority = rest.dropFirst(3)
        let end = authority.hasPrefix("[") ? authority.firstIndex(of: "]").map(authority.index(after:)) : nil
        let hostEnd = end ?? authority.firstIndex(of: ":") ?? authority.endIndex
        host = String(authority[..<hostEnd])
        let name = host.utf8.filter { $0 != UInt8(ascii: "[") && $0 != UInt8(ascii: "]") }
        guard !name.isEmpty, name.allSatisfy(Self.isHostByte), host.hasPrefix("[") || !host.contains(":") else {
            return nil
        }
        let tail = authority[hostEnd...]
        if tail.isEmpty {
            port = nil
        } else {
            guard tail.hasPrefix(":"), let number = UInt16(tail.dropFirst()), number > 0 else { return nil }
            port = number
        }
    }

    /// The normal form: in lower case, without a `/` at the end.
    var text: String { "http\(isSecure ? "s" : "")://\(host.lowercased())" + (port.map { ":\($0)" } ?? "") }

    /// Whether the traffic to this URL never leaves this machine.
    var isLoopback: Bool {
        ["localhost", "[::1]"].contains(host.lowercased()) || host.hasPrefix("127.") && IPv4Range(host) != nil
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: ":"): true
        default: false
        }
    }
}
