internal import HTTPTransport
internal import JSON

/// A refusal of the metadata service.
struct MetadataFault: Error {
    let response: HTTPResponse

    init(_ status: Int, _ message: String, newest: Bool = false) {
        var members = JSONObject(members: ["error": .string(message)])
        if newest {
            members["newest-versions"] = .array(APIVersions.metadata.suffix(3).reversed().map { .string($0) })
        }
        response = .json(.object(members), status: status)
    }
}

/// The rules of the metadata service for every request.
enum MetadataRules {
    static func check(_ exchange: Exchange, _ path: [String]) throws(MetadataFault) {
        let request = exchange.request
        guard request.method == "GET" else { throw MetadataFault(405, "Method not allowed") }
        guard request.headers["Metadata"]?.lowercased() == "true" else {
            throw MetadataFault(400, "Bad request. Required metadata header not specified")
        }
        guard request.headers["X-Forwarded-For"] == nil else {
            throw MetadataFault(400, "Bad request. X-Forwarded-For is not allowed")
        }
        let names = request.query.map { $0.name.lowercased() }
        guard Set(names).count == names.count else {
            throw MetadataFault(400, "Bad request. A query parameter is repeated")
        }
        if path.first?.lowercased() == "versions" { return }
        guard let version = exchange.query("api-version"), APIVersions.metadata.contains(version) else {
            throw MetadataFault(
                400,
                "Bad request. api-version is invalid or was not specified in the request. For more information refer "
                    + "to aka.ms/azureimds", newest: true)
        }
    }
}
