internal import AzureProvider
internal import JSON

/// The actions that a caller may do in a scope: the answer of `Microsoft.Authorization/permissions`.
///
///     {"value": [{"actions": ["Microsoft.Compute/*"], "notActions": ["*/delete"]}, ...]}
///
/// Each element is a role. A role allows the actions that match its actions and not its notActions. Another role may
/// allow an action that one role omits. `*` matches any characters, slashes too, and case does not matter.
struct Permissions: Equatable {
    struct Role: Equatable {
        var actions: [String]
        var exceptions: [String]

        func allows(_ action: String) -> Bool {
            actions.contains { Permissions.matches(action, $0) }
                && !exceptions.contains { Permissions.matches(action, $0) }
        }
    }

    var roles: [Role]

    /// Reads the list's elements.
    init(_ nodes: [JSONNode]) throws(JSONError) {
        roles = []
        for node in nodes {
            roles.append(
                Role(
                    actions: try node.optionalStrings("actions") ?? [],
                    exceptions: try node.optionalStrings("notActions") ?? []))
        }
    }

    func allow(_ action: String) -> Bool { roles.contains { $0.allows(action) } }

    /// The actions of `wanted` that no role allows.
    func missing(of wanted: [String]) -> [String] { wanted.filter { !allow($0) } }

    /// Whether `pattern` matches `action`. The worst-case time is the product of both lengths.
    static func matches(_ action: String, _ pattern: String) -> Bool {
        let (text, pattern) = (Array(action.lowercased().utf8), Array(pattern.lowercased().utf8))
        var (place, mark) = (0, 0)
        // The position to continue at when the text after the last `*` does not match: the star then matches one more
        // character.
        var retry: (place: Int, mark: Int)?
        while place < text.count {
            if mark < pattern.count, pattern[mark] == UInt8(ascii: "*") {
                retry = (place, mark)
                mark += 1
            } else if mark < pattern.count, pattern[mark] == text[place] {
                place += 1
                mark += 1
            } else if let last = retry {
                retry = (last.place + 1, last.mark)
                place = last.place + 1
                mark = last.mark + 1
            } else {
                return false
            }
        }
        return pattern[mark...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
