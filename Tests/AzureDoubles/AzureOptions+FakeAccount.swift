package import AzureProvider
package import FakeCloud

extension AzureOptions {
    /// The options of an adaptor that uses the fake Azure's account.
    package init(_ account: FakeAzureAccount) {
        self.init()
        subscriptionID = account.subscriptionID
        tenantID = account.tenantID
        clientID = account.clientID
        clientSecret = account.clientSecret
        resourceGroup = account.resourceGroup
        region = account.region
        subnetID = account.subnetID
        securityGroupID = account.securityGroupID
        imageID = account.imageID
        instanceSize = account.instanceSize
        authorityHost = account.authorityHost
        managementEndpoint = account.managementEndpoint
        metadataEndpoint = account.metadataEndpoint
    }
}
