/// The part of a cloud in which a provider creates, lists and deletes VMs.
///
/// A VM's name identifies the VM only within a scope. So each record of a VM names the scope, and the answer "not found"
/// of another scope says nothing about that VM.
public struct CloudScope: Hashable, Sendable, CustomStringConvertible {
    /// The subscription or account, as the cloud names it; empty where a cloud has none.
    public let subscription: String
    /// The resource group or project, as the cloud names it; empty where a cloud has none.
    public let resourceGroup: String

    /// A cloud without scopes.
    public static let none = CloudScope(subscription: "", resourceGroup: "")

    /// Names a scope. Providers give names that they compare without regard to case in lower case.
    public init(subscription: String, resourceGroup: String) {
        self.subscription = subscription
        self.resourceGroup = resourceGroup
    }

    /// The names, for messages.
    public var description: String {
        self == .none ? "a cloud without scopes" : "resource group \(resourceGroup) of subscription \(subscription)"
    }
}
