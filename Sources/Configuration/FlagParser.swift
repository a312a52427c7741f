/// Splits a command line into flags and operands, by the rules of Go's `flag` package.
struct FlagParser {
    private let isSwitch: [String: Bool]
    private var rest: ArraySlice<String>
    /// The values of each flag, in the given order.
    private(set) var values: [String: [String]] = [:]
    /// The arguments after the flags.
    var operands: [String] { Array(rest) }

    init<Options>(_ settings: [Setting<Options>], _ arguments: [String]) {
        isSwitch = Dictionary(uniqueKeysWithValues: settings.map { ($0.name, $0.isSwitch) })
        rest = arguments[...]
    }

    /// Reads all flags. Returns false if a flag requests help.
    mutating func run() throws(ConfigurationError) -> Bool {
        while let argument = rest.first, argument.hasPrefix("-"), argument != "-" {
            rest = rest.dropFirst()
            if argument == "--" { return true }
            let flag = argument.dropFirst(argument.hasPrefix("--") ? 2 : 1)
            guard let first = flag.first, first != "-", first != "=" else {
                throw ConfigurationError("\"\(argument)\" is not a flag: write -name, -name value or -name=value")
            }
            let parts = flag.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let (name, value) = (parts[0], parts.count == 2 ? parts[1] : nil)
            guard let isSwitch = isSwitch[name] else {
                if name == "help" || name == "h" { return false }
                throw ConfigurationError("there is no flag -\(name)" + suggestion(for: name))
            }
            if let value {
                values[name, default: []].append(value)
            } else if isSwitch {
                values[name, default: []].append("true")
            } else if let next = rest.popFirst() {
                values[name, default: []].append(next)
            } else {
                throw ConfigurationError("the flag -\(name) needs a value: write -\(name) value or -\(name)=value")
            }
        }
        return true
    }

    /// A suggestion of the flag that the user probably meant.
    private func suggestion(for name: String) -> String {
        func plain(_ text: String) -> String { text.lowercased().filter { $0 != "-" && $0 != "_" } }
        let near = isSwitch.keys.sorted().first { plain($0) == plain(name) || ($0.hasPrefix(name) && name.count > 2) }
        return near.map { ": is -\($0) meant?" } ?? ""
    }
}
