internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

/// Appends every exchange to a file, one JSON object per line:
///
///     {"time","method","path","query","headers","body","status","response_headers","response"}
///
/// Tokens, secrets and user data are replaced by a placeholder of the same form.
/// Without a complete answer, `note` has the reason, and `status` is missing.
final class Recorder: Sendable {
    private let path: String
    private let length: Lock<Int64>

    /// A recorder that replaces an older file.
    init(_ path: String) throws {
        self.path = path
        try Files.removeTree(path)
        try Files.write([UInt8](), to: path, at: 0)
        length = Lock(0)
    }

    /// Records an exchange with a complete answer.
    func record(_ exchange: Exchange, _ response: HTTPResponse) {
        var line = head(exchange)
        line["status"] = .integer(Int64(response.status))
        line["response_headers"] = Recorder.json(response.headers)
        if !response.body.isEmpty {
            line["response"] = Recorder.hidden(response.body, type: response.headers["Content-Type"])
        }
        append(line)
    }

    /// Records a request without a complete answer.
    func note(_ exchange: Exchange, _ note: String) {
        var line = head(exchange)
        line["note"] = .string(note)
        append(line)
    }

    private func head(_ exchange: Exchange) -> JSONObject {
        let request = exchange.request
        let query = request.target.firstIndex(of: "?").map { request.target[request.target.index(after: $0)...] }
        var line = JSONObject(members: [
            "time": .string(exchange.received.description), "method": .string(request.method),
            "path": .string(request.path), "query": .string(String(query ?? "")),
            "headers": Recorder.json(request.headers),
        ])
        if !request.body.isEmpty {
            line["body"] = Recorder.hidden(request.body, type: request.headers["Content-Type"])
        }
        return line
    }

    private func append(_ line: JSONObject) {
        let bytes = JSONValue.object(line).encoded() + [UInt8(ascii: "\n")]
        length.withLock { length in
            // The record is lost; a failure to record must not fail the exchange.
            guard (try? Files.write(bytes, to: path, at: length)) != nil else { return }
            length += Int64(bytes.count)
        }
    }

    private static func json(_ headers: HTTPHeaders) -> JSONValue {
        var object = JSONObject()
        for (name, value) in headers.fields {
            object[name] = .string(name.lowercased() == "authorization" ? "hidden" : value)
        }
        return .object(object)
    }

    /// A body with its secrets replaced.
    private static func hidden(_ body: [UInt8], type: String?) -> JSONValue {
        if type?.lowercased().hasPrefix("application/x-www-form-urlencoded") == true { return "hidden" }
        guard let value = try? JSONValue(parsing: body, limits: JSONLimits(size: 64 << 20, allowsDuplicateKeys: true))
        else { return .string(String(decoding: body.prefix(4096), as: UTF8.self)) }
        return hidden(value)
    }

    /// Base64 of "hidden", because some members must be valid base64.
    private static let cover = JSONValue.string("aGlkZGVu")
    private static let secrets: Set = ["userdata", "customdata", "adminpassword", "access_token", "client_secret"]

    private static func hidden(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let object):
            var covered = JSONObject()
            for (key, value) in object.entries {
                let isSecret = secrets.contains(key.lowercased()) && value.stringValue?.isEmpty == false
                covered[key] = isSecret ? cover : hidden(value)
            }
            return .object(covered)
        case .array(let elements): return .array(elements.map(hidden))
        case .null, .bool, .integer, .number, .string: return value
        }
    }
}
