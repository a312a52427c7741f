internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

extension FakeAzure {
    /// Answers what a VM's guest asks its metadata service, of `path` below `metadata`.
    func answerMachineMetadata(_ exchange: Exchange, token: String, _ path: [String]) async -> HTTPResponse {
        let found = core.withLock { core -> (FakeVirtualMachine, MetadataDocument)? in
            guard let machine = core.state.machine(token: token) else { return nil }
            return (machine, MetadataDocument(machine, in: core.state))
        }
        guard let (machine, document) = found else {
            return .json(["error": "Not found"], status: 404)
        }
        let isUserData = path.last?.lowercased() == "userdata"
        return await withFaults(exchange, isUserData ? .userData : .metadata, machine.id.name, records: false) {
            do throws(MetadataFault) {
                try MetadataRules.check(exchange, path)
                return try document.answer(path, exchange)
            } catch {
                return error.response
            }
        }
    }

    /// Answers what the node asks its own: a token of its managed identity, and what it is.
    func answerNodeMetadata(_ exchange: Exchange, _ path: [String]) async -> HTTPResponse {
        let names = path.map { $0.lowercased() }
        if names == ["identity", "oauth2", "token"] {
            return await withFaults(exchange, .identityToken, "") { identityToken(exchange) }
        }
        return await withFaults(exchange, .metadata, "", records: false) {
            do throws(MetadataFault) {
                try MetadataRules.check(exchange, path)
                return try MetadataDocument(nodeOf: options).answer(path, exchange)
            } catch {
                return error.response
            }
        }
    }

    private func identityToken(_ exchange: Exchange) -> HTTPResponse {
        func refuse(_ status: Int, _ error: String, _ description: String) -> HTTPResponse {
            .json(["error": .string(error), "error_description": .string(description)], status: status)
        }
        guard exchange.request.headers["Metadata"]?.lowercased() == "true" else {
            return refuse(400, "bad_request_102", "Required metadata header not specified")
        }
        guard exchange.request.headers["X-Forwarded-For"] == nil else {
            return refuse(400, "bad_request_103", "X-Forwarded-For must not be there")
        }
        guard let resource = exchange.query("resource"), !resource.isEmpty else {
            return refuse(400, "invalid_resource", "AADSTS500011: The resource principal was not found in the tenant.")
        }
        guard let version = exchange.query("api-version"), APIVersions.isDate(version) else {
            return refuse(400, "bad_request_101", "Required api-version not specified")
        }
        let names = ["client_id", "object_id", "msi_res_id", "mi_res_id"]
        let given = exchange.request.query.filter { names.contains($0.name) }
        guard given.count <= 1 else { return refuse(400, "invalid_request", "Multiple identities were named") }
        if let identity = given.first, identity.name == "client_id" || identity.name == "object_id",
            identity.value.lowercased() != options.clientID.lowercased()
        {
            return refuse(400, "invalid_request", "Identity not found")
        }
        guard options.acceptsAnyIdentity else {
            return refuse(
                400, "invalid_request",
                "Identity not found: without -any-identity this fake Azure accepts only its client secret")
        }
        let now = exchange.received
        let (issued, lifetime) = core.withLock { core in
            let lifetime = core.scenario.tokenLifetime
            return (
                core.tokens.issue(
                    to: options.clientID, tenant: options.tenantID, audience: resource, lifetime: lifetime, at: now),
                lifetime.components.seconds
            )
        }
        return .json([
            "access_token": .string(issued.token), "client_id": .string(options.clientID),
            "expires_in": .string("\(lifetime)"),
            "expires_on": .string("\(issued.holder.expires.secondsSinceEpoch)"),
            "ext_expires_in": .string("\(lifetime)"),
            "not_before": .string("\(now.secondsSinceEpoch)"), "refresh_token": "", "resource": .string(resource),
            "token_type": "Bearer",
        ])
    }
}

/// The metadata service's "no".
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

/// What the metadata service demands of every request.
enum MetadataRules {
    static func check(_ exchange: Exchange, _ path: [String]) throws(MetadataFault) {
        let request = exchange.request
        guard request.method == "GET" else { throw MetadataFault(405, "Method not allowed") }
        guard request.headers["Metadata"]?.lowercased() == "true" else {
            throw MetadataFault(400, "Bad request. Required metadata header not specified")
        }
        guard request.headers["X-Forwarded-For"] == nil else {
            throw MetadataFault(400, "Bad request. X-Forwarded-For must not be there")
        }
        let names = request.query.map { $0.name.lowercased() }
        guard Set(names).count == names.count else {
            throw MetadataFault(400, "Bad request. A query parameter is there twice")
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
