internal import AzureAnswerReading
internal import Fuzzing
internal import HTTPTransport

/// Examines answers of Azure, or of a server that impersonates Azure. Each message about an answer is one line of bounded
/// length, the provider follows only links to the configured server, a token has a plausible lifetime, and each pause has an
/// end.
@main
struct AzureAnswerFuzzer {
    private static let endpoint = "https://management.azure.com"

    static func main() {
        Fuzzer.run { input in
            let reading = AnswerReading(response(input), endpoint: endpoint)
            for text in reading.texts {
                require(text.unicodeScalars.count < 8000, "a text of \(text.unicodeScalars.count) characters")
                require(
                    text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "control characters in \(text.debugDescription)")
            }
            for link in reading.links { require(isOurs(link), "would follow \(link)") }
            if let life = reading.tokenLife { require(life > 0 && life <= 48 * 3600, "a token for \(life) s") }
            if let pause = reading.pause { require(pause > 0 && pause <= 600, "a pause of \(pause) s") }
        }
    }

    /// The input is similar to the answer on the wire: status, lines of headers, an empty line, the body.
    private static func response(_ input: [UInt8]) -> HTTPResponse {
        var response = HTTPResponse(status: 200)
        var rest = input[...]
        if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            response.status = Int(String(decoding: rest[..<end], as: UTF8.self)) ?? 200
            rest = rest[(end + 1)...]
        }
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = rest[..<end]
            rest = rest[(end + 1)...]
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { break }
            response.headers.add(text(line[..<colon]), text(line[(colon + 1)...].drop { $0 == 0x20 }))
        }
        response.body = Array(rest)
        return response
    }

    /// The text without control characters, because HTTP permits none in a header.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.filter { $0 >= 0x20 && $0 != 0x7f }, as: UTF8.self)
    }

    private static func isOurs(_ link: String) -> Bool {
        let small = link.lowercased()
        guard small.hasPrefix(endpoint) else { return false }
        let rest = small.dropFirst(endpoint.count)
        return rest.isEmpty || rest.hasPrefix(":443/") || rest.hasPrefix(":443?") || rest == ":443"
            || rest.first.map { "/?#".contains($0) } == true
    }
}
