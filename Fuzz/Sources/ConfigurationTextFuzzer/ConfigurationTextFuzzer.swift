internal import Fuzzing
internal import JSON
internal import TextFormats

/// The configuration files of a node: TOML and YAML become values within the limits, or are refused. A value is a document
/// of JSON, which the reader of JSON gives back unchanged.
@main
struct ConfigurationTextFuzzer {
    static func main() {
        Fuzzer.run { input in
            if let value = try? JSONValue(toml: input) { examine(value) }
            if let value = try? JSONValue(yaml: input) { examine(value) }
        }
    }

    private static func examine(_ value: JSONValue) {
        require(depth(of: value) <= 2 * (TextLimits().depth + 1), "the value is nested too deep")
        let text = value.encoded()
        let again = try? JSONValue(parsing: text, limits: JSONLimits(size: 1 << 26, depth: 200))
        require(again == value || again == nil, "the value is not the same after it was written")
    }

    private static func depth(of value: JSONValue) -> Int {
        switch value {
        case .array(let elements): 1 + (elements.map(depth).max() ?? 0)
        case .object(let object): 1 + (object.entries.map { depth(of: $0.value) }.max() ?? 0)
        default: 0
        }
    }
}
