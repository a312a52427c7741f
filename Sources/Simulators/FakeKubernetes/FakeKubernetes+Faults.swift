internal import HTTPTransport
internal import JSON
internal import LinuxIO

extension FakeKubernetes {
    /// What faults do before a request has its effect; an answer if it has none.
    func before(_ verb: String, _ faults: [APIFault]) async throws(APIStatus) -> HTTPResponse? {
        for fault in faults {
            switch fault.action {
            case .delay(let duration): try? await loop.sleep(for: duration)
            case .hang:
                try? await loop.sleep(for: .seconds(3600))
                return .disconnect
            case .dropBefore: return .disconnect
            case .refuse(let code, let reason, let message):
                var status = APIStatus(code, reason, message)
                status.retryAfter = fault.retryAfter
                throw status
            case .expire where verb != "watch": throw APIStatus(410, "Expired", "the resource version is too old")
            case .expire, .dropAfter, .html, .truncate, .oversize, .cut: break
            }
        }
        return nil
    }

    /// An object with a first member of this many bytes.
    static func padded(_ object: [UInt8], _ bytes: Int) -> [UInt8] {
        // Not as a JSONValue, whose encoding would block the loop for seconds.
        Array(#"{"padding":""#.utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: bytes) + Array("\",".utf8)
            + object.dropFirst()
    }

    /// What faults do to the answer.
    func after(_ answer: HTTPResponse, _ verb: String, _ faults: [APIFault]) -> HTTPResponse {
        // The bytes of a watch are already in its stream.
        if verb == "watch" { return answer }
        var answer = answer
        for fault in faults {
            switch fault.action {
            case .dropAfter: return .disconnect
            case .html(let status):
                let page = "<html><head><title>\(status)</title></head><body><h1>Bad Gateway</h1></body></html>\n"
                return HTTPResponse(status: status, headers: ["Content-Type": "text/html"], body: Array(page.utf8))
            case .truncate: answer.body.removeLast(answer.body.count / 2)
            case .oversize(let bytes):
                answer.body = Self.padded(answer.body, bytes)
            case .refuse, .expire, .delay, .hang, .dropBefore, .cut: break
            }
        }
        return answer
    }
}
