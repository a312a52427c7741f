internal import LinuxIO
public import Telemetry

/// All that an adaptor needs to know to use a fake Azure.
public struct FakeAzureAccount: Sendable {
    /// The only subscription of the fake.
    public let subscriptionID: String
    /// The tenant in the URL of the token endpoint.
    public let tenantID: String
    /// The only application that gets tokens for a client secret.
    public let clientID: String
    /// The secret of the application.
    public let clientSecret: Secret<String>
    /// The name of the only resource group.
    public let resourceGroup: String
    /// The region of all resources.
    public let region: String
    /// The ARM id of the subnet for VMs.
    public let subnetID: String
    /// The ARM id of the network security group for VMs.
    public let securityGroupID: String
    /// The ARM id of the only image.
    public let imageID: String
    /// A VM size that the region offers.
    public let instanceSize: String
    /// In place of `https://login.microsoftonline.com`.
    public let authorityHost: String
    /// In place of `https://management.azure.com`.
    public let managementEndpoint: String
    /// In place of `http://169.254.169.254`: the node's own metadata service.
    public let metadataEndpoint: String
    /// PEM of the authority to trust; empty without TLS.
    public let authorityFile: String
}

extension FakeAzureAccount {
    /// The account of a fake Azure that listens on these addresses.
    init(_ options: FakeAzureOptions, listener: SocketAddress, metadata: SocketAddress, security: ServerSecurity?) {
        let group = "/subscriptions/\(options.subscriptionID)/resourceGroups/\(options.resourceGroup)/providers"
        let endpoint: String
        if !options.publicEndpoint.isEmpty {
            endpoint = options.publicEndpoint
        } else if let security, case .tcp(_, let port) = listener {
            endpoint = "https://\(security.name):\(port)"
        } else {
            endpoint = "http://\(listener)"
        }
        self.init(
            subscriptionID: options.subscriptionID, tenantID: options.tenantID, clientID: options.clientID,
            clientSecret: options.clientSecret, resourceGroup: options.resourceGroup, region: options.region,
            subnetID: "\(group)/Microsoft.Network/virtualNetworks/peerpods/subnets/podvms",
            securityGroupID: "\(group)/Microsoft.Network/networkSecurityGroups/podvms",
            imageID: "\(group)/Microsoft.Compute/galleries/peerpods/images/podvm/versions/1.0.0",
            instanceSize: options.instanceSize, authorityHost: endpoint, managementEndpoint: endpoint,
            metadataEndpoint: "http://\(metadata)", authorityFile: security?.authorityFile ?? "")
    }
}

extension FakeAzureAccount {
    /// The environment of a `cloud-api-adaptor azure` that uses the fake Azure.
    public var environment: [(name: String, value: String)] {
        var variables = [
            ("AZURE_SUBSCRIPTION_ID", subscriptionID), ("AZURE_TENANT_ID", tenantID), ("AZURE_CLIENT_ID", clientID),
            ("AZURE_CLIENT_SECRET", clientSecret.reveal()), ("AZURE_RESOURCE_GROUP", resourceGroup),
            ("AZURE_REGION", region), ("AZURE_SUBNET_ID", subnetID), ("AZURE_NSG_ID", securityGroupID),
            ("AZURE_IMAGE_ID", imageID), ("AZURE_INSTANCE_SIZE", instanceSize), ("AZURE_AUTHORITY_HOST", authorityHost),
            ("AZURE_MANAGEMENT_ENDPOINT", managementEndpoint), ("AZURE_IMDS_ENDPOINT", metadataEndpoint),
        ]
        if !authorityFile.isEmpty { variables.append(("AZURE_CA_FILE", authorityFile)) }
        return variables
    }
}
