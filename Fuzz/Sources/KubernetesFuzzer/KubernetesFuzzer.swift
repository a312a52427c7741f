internal import Fuzzing
internal import JSON
internal import Kubernetes

/// Examines what an API server sends, or a process that impersonates one: the lines of a watch, cut anywhere, the objects in
/// them, and the claims of a token.
@main
struct KubernetesFuzzer {
    private static let lineLimit = 4096

    static func main() {
        Fuzzer.run { input in
            let whole = decoded(input, inPartsOf: input.count + 1)
            let cut = decoded(input, inPartsOf: Int(input.first ?? 0) % 17 + 1)
            require(whole == cut, "the events depend on how the bytes are cut")
            for event in whole { examine(event) }
            if let claims = TokenClaims(token: String(decoding: input, as: UTF8.self)) {
                require((claims.nodeName ?? "").utf8.count <= TokenClaims.tokenLimit, "a claim longer than its token")
            }
        }
    }

    /// The events before the first line that is not one.
    private static func decoded(_ input: [UInt8], inPartsOf size: Int) -> [WatchEvent] {
        var decoder = WatchDecoder(lineLimit: lineLimit)
        var events: [WatchEvent] = []
        // Each line is decoded by itself, so that a bad line costs the same events in both runs.
        for line in input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            let line = line + [UInt8(ascii: "\n")]
            for start in stride(from: line.startIndex, to: line.endIndex, by: size) {
                guard let new = try? decoder.events(in: line[start..<min(start + size, line.endIndex)]) else {
                    return events
                }
                events += new
            }
        }
        return events
    }

    private static func examine(_ event: WatchEvent) {
        guard case .added(let object) = event else { return }
        if let node = try? ClusterNode(object) {
            var advertisement = NodeAdvertisement(owner: "u", limit: 10)
            advertisement.claimed()
            _ = advertisement.step(for: node)
        }
        if let pod = try? ClusterPod(object) {
            for amount in pod.containers.flatMap({ $0.resources.requests.values }) {
                require(amount.thousandths >= 0, "a negative amount")
            }
        }
        _ = try? ClusterSecret(object)
        _ = try? ClusterServiceAccount(object)
    }
}
