/// An ARM id of a resource in a resource group, taken apart:
/// `/subscriptions/S/resourceGroups/G/providers/NAMESPACE/TYPE/NAME[/TYPE/NAME...]`.
package struct ResourceID: Equatable, Sendable {
    package let subscription: String
    package let resourceGroup: String
    /// `Microsoft.Network/virtualNetworks/subnets`, as it was written.
    package let type: String
    /// The outermost resource's first: `["vnet", "subnet"]`.
    package let names: [String]

    /// Nil if it is none.
    package init?(_ text: String) {
        var parts = text.split(separator: "/", omittingEmptySubsequences: false)[...]
        func take(_ word: String) -> String? {
            guard parts.count >= 2, parts.removeFirst().lowercased() == word else { return nil }
            let value = parts.removeFirst()
            return value.isEmpty || value.contains(where: \.isWhitespace) ? nil : String(value)
        }
        guard parts.first?.isEmpty == true else { return nil }
        parts.removeFirst()
        guard let subscription = take("subscriptions"), let group = take("resourcegroups"),
            let namespace = take("providers"), !parts.isEmpty, parts.count.isMultiple(of: 2)
        else { return nil }
        var type = namespace
        var names: [String] = []
        while !parts.isEmpty {
            let (word, name) = (parts.removeFirst(), parts.removeFirst())
            guard !word.isEmpty, !name.isEmpty, !name.contains(where: \.isWhitespace) else { return nil }
            type += "/\(word)"
            names.append(String(name))
        }
        self.subscription = subscription
        resourceGroup = group
        self.type = type
        self.names = names
    }

    /// The resource's own name.
    package var name: String { names.last ?? "" }

    /// Whether it is of that type; ARM's words have no case.
    package func type(is other: String) -> Bool { type.lowercased() == other.lowercased() }
}

extension String {
    /// Without the white space around it.
    package var trimmed: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
