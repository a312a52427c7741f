import LinuxIO

/// A `.proto` file of `docs`, read as far as those files go: no nested messages, no options, no enums.
struct ProtoFile {
    struct Field: Equatable, CustomStringConvertible {
        /// `string`, `repeated HopStatus`, ...
        let type: String
        /// Without underscores, in lower case.
        let name: String
        let number: Int

        init(_ type: String, _ name: String, _ number: Int) {
            self.type = type
            self.name = name.lowercased().filter { $0 != "_" }
            self.number = number
        }

        var description: String { "\(type) \(name) = \(number)" }
    }

    /// A method: `service/name(request) returns (response)`.
    private(set) var methods: Set<String> = []
    /// The fields of each message, in the file's order.
    private(set) var messages: [String: [Field]] = [:]

    init(_ name: String) throws {
        let path = "\(Files.parent(of: #filePath))/../../docs/\(name)"
        let text = String(decoding: try DurableFile.read(path, limit: 1 << 20), as: UTF8.self)
        var (package, service, message) = ("", "", "")
        for line in text.split(separator: "\n").map({ $0.split(separator: "//", omittingEmptySubsequences: false)[0] })
        {
            let words = line.split { " ();={}".contains($0) }.map(String.init)
            switch words.first {
            case nil: continue
            case "package": package = words[1]
            case "service": service = "\(package).\(words[1])"
            case "message":
                message = words[1]
                messages[message] = []
            case "rpc":
                let answer = words[4...].joined(separator: " ")
                methods.insert("\(service)/\(words[1])(\(words[2])) returns (\(answer))")
            case "syntax", "import": continue
            default:
                guard let number = Int(words.last ?? "") else { throw Unreadable(line: String(line)) }
                let type = words.dropLast(2).joined(separator: " ")
                messages[message]?.append(Field(type, words[words.count - 2], number))
            }
        }
    }

    struct Unreadable: Error { let line: String }
}
