internal import Encoding

/// The subscription, resource group and region that this adaptor uses, and the paths of resources in them.
package struct AzureAccount: Sendable {
    /// The id of the subscription, a UUID.
    package let subscriptionID: String
    /// The name of the resource group in which the VMs are created.
    package let resourceGroup: String
    /// The region of the VMs, such as `eastus`.
    package let region: String
    /// The endpoints of the cloud, or those of the options.
    package let endpoints: AzureEndpoints

    /// The account and the endpoints of the options.
    package init(_ options: AzureOptions) {
        subscriptionID = options.subscriptionID
        resourceGroup = options.resourceGroup
        region = options.region
        endpoints = AzureEndpoints(options)
    }

    /// The URL of Azure Resource Manager, such as `https://management.azure.com`, without a slash at the end.
    package var endpoint: String { endpoints.management }

    /// `/subscriptions/{id}`
    package var subscription: String { "/subscriptions/\(PercentCoding.encoded(subscriptionID))" }

    /// `/subscriptions/{id}/resourceGroups/{name}`
    package var group: String { "\(subscription)/resourceGroups/\(PercentCoding.encoded(resourceGroup))" }

    /// A resource of the group, such as `resource("Microsoft.Compute", "virtualMachines", "podvm-x")`. Without a name,
    /// the collection of that type.
    package func resource(_ provider: String, _ type: String, _ name: String? = nil) -> String {
        let all = "\(group)/providers/\(provider)/\(type)"
        return name.map { "\(all)/\(PercentCoding.encoded($0))" } ?? all
    }

    /// A provider's path for the whole subscription, such as `inSubscription("Microsoft.Compute/skus")`.
    package func inSubscription(_ what: String) -> String { "\(subscription)/providers/\(what)" }

    /// A provider's path for the region, such as `inRegion("Microsoft.Compute", "usages")`.
    package func inRegion(_ provider: String, _ what: String) -> String {
        inSubscription("\(provider)/locations/\(PercentCoding.encoded(region))/\(what)")
    }
}
