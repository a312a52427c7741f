import AgentProtocolForwarder
import Fuzzing

/// A pod may send any bytes to the relay of the metadata service. The relay passes on one well-formed request that names no user
/// data, and removes user data from any answer of the service.
@main
struct PodMetadataFuzzer {
    static func main() {
        Fuzzer.run { input in
            examine(input)
            // Without a first line and the header, almost no input would reach the path.
            examine(Array("GET /metadata/instance".utf8) + input + Array("\r\nMetadata: true\r\n\r\n".utf8))
            examine(
                Array("GET /metadata/instance?api-version=1 HTTP/1.1\r\nMetadata: true\r\n".utf8) + input
                    + Array("\r\n\r\n".utf8))
            filter(input)
            filter(Array("{\"compute\":[".utf8) + input + Array("]}".utf8))
        }
    }

    private static func examine(_ bytes: [UInt8]) {
        guard let end = try? MetadataRequest.end(in: bytes) else { return }
        require(end <= MetadataRequest.limit && end <= bytes.count)
        // Further bytes of the connection do not change the request.
        require((try? MetadataRequest.end(in: bytes + [0])) == end)
        guard let request = try? MetadataRequest(parsing: bytes[..<end]),
            let question = try? MetadataQuery(request)
        else { return }
        let text = Array(question.text(host: "host").utf8)
        require(text.allSatisfy { (0x20...0x7e).contains($0) || $0 == 0x0d || $0 == 0x0a })
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        require(lines.count == 7 && lines[5].isEmpty && lines[6].isEmpty, "\(lines)")
        let lower = lines[0].lowercased()
        require(lower.hasPrefix("get /metadata/") && lower.hasSuffix(" http/1.0"), lower)
        require(!lower.contains("/userdata") && !lower.contains("/customdata"), lower)
        require(!lower.contains("%") && !lower.contains("/identity") && !lower.contains("/../"), lower)
    }

    private static func filter(_ bytes: [UInt8]) {
        guard let left = MetadataSecrets.removed(from: bytes) else { return }
        let text = String(decoding: left, as: UTF8.self).lowercased()
        require(!text.contains("\"userdata\":") && !text.contains("\"customdata\":"), text)
        require(MetadataSecrets.removed(from: left) == left, text)
    }
}
