internal import Telemetry

extension AzureOptions {
    /// The flags of the settings that cannot change while the provider runs: the account, its endpoints, the region and
    /// the resource group, and whether VMs have public addresses, which deletions must know.
    public static let fixedSettings: Set<String> = [
        "clientid", "secret", "tenantid", "subscriptionid", "azure-credential", "azure-federated-token-file",
        "azure-cloud", "azure-authority-host", "azure-management-endpoint", "azure-metadata-endpoint", "azure-ca-file",
        "region", "resourcegroup", "use-public-ip",
    ]

    /// Takes the values of ``fixedSettings`` from `other`.
    mutating func keepFixedSettings(of other: AzureOptions) {
        (clientID, clientSecret, tenantID) = (other.clientID, other.clientSecret, other.tenantID)
        (subscriptionID, resourceGroup, region) = (other.subscriptionID, other.resourceGroup, other.region)
        (credential, federatedTokenFile) = (other.credential, other.federatedTokenFile)
        (cloud, authorityHost) = (other.cloud, other.authorityHost)
        (managementEndpoint, metadataEndpoint) = (other.managementEndpoint, other.metadataEndpoint)
        (authorityFile, usesPublicIP) = (other.authorityFile, other.usesPublicIP)
    }

    /// Replaces the account, endpoints, network and image with those of this environment; the other settings of VMs do
    /// not change.
    ///
    /// A variable that is missing in the environment clears its setting, so that no setting of the former account
    /// remains. The size replaces only the default size, and only if VMs are confidential.
    package mutating func replaceAccount(from environment: [String: String]) {
        func value(_ variable: String) -> String { environment[variable] ?? "" }
        subscriptionID = value("AZURE_SUBSCRIPTION_ID")
        tenantID = value("AZURE_TENANT_ID")
        clientID = value("AZURE_CLIENT_ID")
        clientSecret = Secret(value("AZURE_CLIENT_SECRET"))
        resourceGroup = value("AZURE_RESOURCE_GROUP")
        region = value("AZURE_REGION")
        subnetID = value("AZURE_SUBNET_ID")
        securityGroupID = value("AZURE_NSG_ID")
        imageID = value("AZURE_IMAGE_ID")
        authorityHost = value("AZURE_AUTHORITY_HOST")
        managementEndpoint = value("AZURE_MANAGEMENT_ENDPOINT")
        metadataEndpoint = value("AZURE_IMDS_ENDPOINT")
        authorityFile = value("AZURE_CA_FILE")
        if instanceSize == AzureOptions().instanceSize, isConfidential { instanceSize = value("AZURE_INSTANCE_SIZE") }
    }
}
