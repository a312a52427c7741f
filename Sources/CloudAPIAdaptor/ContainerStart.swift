internal import Configuration

/// The start of the adaptor in a container, as the Go adaptor's image does it: without arguments, and with everything in the
/// environment.
enum ContainerStart {
    /// The command line for a process that was started without arguments; nil when `CLOUD_PROVIDER` is not set.
    /// - Throws: ``ConfigurationError`` when there is no such provider, or when a variable that the provider needs is not set.
    static func arguments(for environment: [String: String]) throws(ConfigurationError) -> [String]? {
        guard let provider = environment["CLOUD_PROVIDER"], !provider.isEmpty else { return nil }
        guard provider == "azure" else {
            throw ConfigurationError(
                "CLOUD_PROVIDER is \"\(provider)\", and this adaptor has no such provider: set it to azure")
        }
        let missing = missingVariables(of: environment)
        guard missing.isEmpty else { throw ConfigurationError(missing.map { "\($0) is NOT set" }) }
        return [provider]
    }

    /// The required variables that have no value. The fake Azure needs none, and a settings file may have them instead.
    ///
    /// Unlike the Go adaptor's image, `AZURE_CLIENT_ID` and `AZURE_TENANT_ID` are not among them: a managed identity needs
    /// neither, and the adaptor itself reports what the other credentials lack.
    private static func missingVariables(of environment: [String: String]) -> [String] {
        func hasValue(_ name: String) -> Bool { environment[name]?.isEmpty == false }
        guard !hasValue("FAKE_CLOUD"), !hasValue("CONFIG_FILE") else { return [] }
        return ["AZURE_SUBSCRIPTION_ID", "AZURE_REGION", "AZURE_RESOURCE_GROUP", "AZURE_SUBNET_ID", "AZURE_IMAGE_ID"]
            .filter { !hasValue($0) }
    }
}
