/// The id of a resource in a resource group:
///
///     /subscriptions/S/resourceGroups/G/providers/Microsoft.Network/virtualNetworks/V/subnets/N
///
/// Keywords and names are compared without regard to case, as in ARM; names keep their case.
package struct ResourceID: Sendable, CustomStringConvertible {
    /// The id of the subscription.
    package let subscription: String
    /// The name of the resource group.
    package let resourceGroup: String
    /// `Microsoft.Network`
    package let provider: String
    /// Types and names in turn: `[("virtualNetworks", "V"), ("subnets", "N")]`; never empty.
    package let parts: [(type: String, name: String)]

    /// Nil unless `text` has this form, and each part is a name that needs no escapes in a URL.
    package init?(_ text: String) {
        let segments = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard segments.count >= 9, segments.count % 2 == 1, segments[0].isEmpty,
            segments[1].lowercased() == "subscriptions", segments[3].lowercased() == "resourcegroups",
            segments[5].lowercased() == "providers", segments.dropFirst().allSatisfy(Self.isName)
        else { return nil }
        (subscription, resourceGroup, provider) = (segments[2], segments[4], segments[6])
        parts = stride(from: 7, to: segments.count, by: 2).map { (segments[$0], segments[$0 + 1]) }
    }

    private init(_ other: ResourceID, parts: [(type: String, name: String)]) {
        (subscription, resourceGroup, provider) = (other.subscription, other.resourceGroup, other.provider)
        self.parts = parts
    }

    /// The provider and the types, without names: `Microsoft.Network/virtualNetworks/subnets`.
    package var type: String { ([provider] + parts.map(\.type)).joined(separator: "/") }

    /// The names, the outermost first: `["V", "N"]`.
    package var names: [String] { parts.map(\.name) }

    /// The last part's name.
    package var name: String { parts[parts.count - 1].name }

    /// Whether the resource has this type, ignoring case.
    func isOf(_ type: String) -> Bool { self.type.lowercased() == type.lowercased() }

    /// The resource that contains it, such as a subnet's network; nil for a resource directly in a group.
    package var parent: ResourceID? {
        guard parts.count > 1 else { return nil }
        return ResourceID(self, parts: parts.dropLast())
    }

    /// The id as a path, with the case of the original names.
    package var description: String {
        "/subscriptions/\(subscription)/resourceGroups/\(resourceGroup)/providers/\(provider)"
            + parts.map { "/\($0.type)/\($0.name)" }.joined()
    }

    /// Letters, digits and the marks that ARM allows in names; no character that a URL would have to escape.
    package static func isName(_ text: String) -> Bool {
        !text.isEmpty && text != "." && text != ".."
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-_.()".utf8.contains(byte)
                }
            }
    }
}
