internal import AzureProvider
internal import JSON

/// What a caller may do somewhere: the answer of `Microsoft.Authorization/permissions`.
///
///     {"value": [{"actions": ["Microsoft.Compute/*"], "notActions": ["*/delete"]}, ...]}
///
/// Each element is a role. A role allows what its actions match and its notActions do not; what one role leaves out,
/// another may allow. `*` stands for any letters, slashes too, and case does not count.
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

    /// Those of `wanted` that nothing allows.
    func missing(of wanted: [String]) -> [String] { wanted.filter { !allow($0) } }

    /// Whether `pattern` stands for `action`. Takes the time of both lengths multiplied at worst.
    static func matches(_ action: String, _ pattern: String) -> Bool {
        let (text, pattern) = (Array(action.lowercased().utf8), Array(pattern.lowercased().utf8))
        var (place, mark) = (0, 0)
        // Where to go on when what follows the last `*` turns out not to fit: the star takes one letter more.
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
