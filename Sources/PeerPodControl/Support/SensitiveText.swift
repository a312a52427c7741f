/// Finds secrets in text by what stands before them: names such as `password`, PEM blocks of private keys, and users in
/// URLs. The text may be JSON, TOML, YAML, variables or a log.
enum SensitiveText {
    /// The parts of a name that announce a secret, without separators, in lower case.
    private static let words = [
        "secret", "password", "passwd", "token", "credential", "privatekey", "apikey", "accesskey", "accountkey",
        "clientkey",
        "authorization", "sharedaccess", "connectionstring", "passphrase", "assertion",
    ]
    private static let shortestWord = words.map(\.count).min() ?? 0
    /// Names that end with these name a secret's place, kind or time.
    private static let harmlessEnds = [
        "file", "path", "dir", "directory", "name", "names", "url", "uri", "endpoint", "type", "kind", "expires",
        "expiry",
        "timeout", "requests", "count", "seconds", "source", "ref", "total", "host",
    ]
    private static let harmlessValues: Set<Substring> = [
        "true", "false", "null", "none", "yes", "no", "nil", "~", "", "‹secret›",
    ]
    /// The length from which a value after a name in a sentence counts as a secret.
    private static let proseLength = 16

    /// The secrets' places in `text`, in order and without overlaps.
    static func ranges(in text: String) -> [Range<String.Index>] {
        var ranges = keyBlocks(in: text) + users(in: text)
        var blockIndentation: Int?
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            let indentation = line.prefix { $0 == " " }.count
            if let outer = blockIndentation {
                // The lines of a block scalar of YAML.
                if indentation > outer || line.allSatisfy(\.isWhitespace) {
                    if !line.isEmpty { ranges.append(line.startIndex..<line.endIndex) }
                    continue
                }
                blockIndentation = nil
            }
            for value in values(in: line) {
                if value == "|" || value == "|-" || value == ">" || value == ">-" {
                    blockIndentation = indentation
                } else {
                    ranges.append(value.startIndex..<value.endIndex)
                }
            }
        }
        var joined: [Range<String.Index>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = joined.last, range.lowerBound < last.upperBound {
                joined[joined.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                joined.append(range)
            }
        }
        return joined
    }

    /// The values after names that announce a secret.
    private static func values(in line: Substring) -> [Substring] {
        var found: [Substring] = []
        var position = line.startIndex
        while let separator = line[position...].firstIndex(where: { $0 == "=" || $0 == ":" }) {
            position = line.index(after: separator)
            let before = line[..<separator]
            let end = before.lastIndex { !$0.isWhitespace }.map { before.index(after: $0) } ?? before.startIndex
            var name = before[..<end]
            let isQuoted = name.last == "\"" || name.last == "'"
            if isQuoted { name = name.dropLast() }
            // In JSON within JSON the quotes have backslashes.
            while name.last == "\\" { name = name.dropLast() }
            let start =
                name.lastIndex { !($0.isLetter || $0.isNumber || "_-.".contains($0)) }
                .map { name.index(after: $0) } ?? name.startIndex
            let isFirst = line[..<start].allSatisfy { $0.isWhitespace || $0 == "-" || $0 == "{" || $0 == "," }
            guard isSensitive(name[start...]), let value = value(in: line[position...]) else { continue }
            let isAssigned = line[separator] == "=" || isQuoted || isFirst
            if isAssigned || value.count >= proseLength { found.append(value) }
            position = max(position, value.endIndex)
        }
        return found
    }

    private static func isSensitive(_ name: Substring) -> Bool {
        let plain = name.lowercased().filter { $0.isLetter || $0.isNumber }
        if ["auth", "pass", "pwd", "sig"].contains(plain) { return true }
        guard (shortestWord...80).contains(plain.count), !harmlessEnds.contains(where: plain.hasSuffix) else {
            return false
        }
        return words.contains(where: plain.contains)
    }

    /// The value at the beginning of `text`; nil for an empty or harmless one, and for lists and tables.
    private static func value(in text: Substring) -> Substring? {
        var rest = text.drop { $0 == " " || $0 == "\t" || $0 == "=" }
        for scheme in ["Bearer ", "Basic "] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        let escaped = rest.hasPrefix("\\\"")
        if escaped { rest = rest.dropFirst() }
        var value: Substring
        if let quote = rest.first, quote == "\"" || quote == "'" {
            rest = rest.dropFirst()
            if rest.hasPrefix("Bearer ") { rest = rest.dropFirst(7) }
            if rest.hasPrefix("Basic ") { rest = rest.dropFirst(6) }
            var isEscape = false
            let end = rest.firstIndex { character in
                if escaped { return character == "\\" || character == quote }
                defer { isEscape = character == "\\" && !isEscape }
                return character == quote && !isEscape
            }
            value = rest[..<(end ?? rest.endIndex)]
        } else {
            value = rest.prefix { !$0.isWhitespace && !",;&\"'}])".contains($0) }
        }
        if value.first == "[" || value.first == "{" { return nil }
        if harmlessValues.contains(value) { return nil }
        return value
    }

    /// PEM blocks of private keys, also with escaped line ends, and PEM in base64; an incomplete block ends with the text.
    private static func keyBlocks(in text: String) -> [Range<String.Index>] {
        var ranges: [Range<String.Index>] = []
        var rest = text[...]
        while let begin = rest.firstRange(of: "-----BEGIN ") {
            let label = rest[begin.upperBound...].prefix(64)
            guard let dashes = label.firstRange(of: "-----"), label[..<dashes.lowerBound].hasSuffix("PRIVATE KEY")
            else {
                rest = rest[begin.upperBound...]
                continue
            }
            let end = rest[dashes.upperBound...].firstRange(of: "PRIVATE KEY-----")?.upperBound ?? text.endIndex
            ranges.append(begin.lowerBound..<end)
            rest = rest[end...]
        }
        rest = text[...]
        // "-----BEGIN" in base64. A certificate is hidden, too.
        while let begin = rest.firstRange(of: "LS0tLS1CRUdJT") {
            let end = rest[begin.lowerBound...].firstIndex { !($0.isLetter || $0.isNumber || "+/=_-".contains($0)) }
            ranges.append(begin.lowerBound..<(end ?? text.endIndex))
            rest = rest[(end ?? text.endIndex)...]
        }
        return ranges
    }

    /// `user:password` before the host of a URL.
    private static func users(in text: String) -> [Range<String.Index>] {
        var ranges: [Range<String.Index>] = []
        var rest = text[...]
        while let scheme = rest.firstRange(of: "://") {
            rest = rest[scheme.upperBound...]
            let place = rest.prefix { !$0.isWhitespace && !"/\"'?#,".contains($0) }
            if let at = place.lastIndex(of: "@"), place[..<at].contains(":") { ranges.append(place.startIndex..<at) }
        }
        return ranges
    }
}
