internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

/// The metadata services of a fake Azure: of its VMs, and of the node on which the adaptor runs.
final class FakeMetadataService: Sendable {
    private let options: FakeAzureOptions
    private let store: ResourceStore
    private let calls: CallHandler
    private let tokens: TokenEndpoint
    let machines: any MachineHost
    let work: TaskPool
    let loop: EpollLoop
    let logger: Logger
    /// The servers in the networks of VMs, by VM.
    let guestServers = Lock<[FakeResourceID: TaskPool.Child]>([:])

    init(
        _ options: FakeAzureOptions, store: ResourceStore, calls: CallHandler, tokens: TokenEndpoint,
        machines: any MachineHost, work: TaskPool, on loop: EpollLoop, logger: Logger
    ) {
        self.options = options
        self.store = store
        self.calls = calls
        self.tokens = tokens
        self.machines = machines
        self.work = work
        self.loop = loop
        self.logger = logger
    }

    /// Answers the guest of the VM that has this token, for `path` below `metadata`.
    func answerMachine(_ exchange: Exchange, token: String, _ path: [String]) async -> HTTPResponse {
        let found = store.withContent { content -> (FakeVirtualMachine, MetadataDocument)? in
            guard let machine = content.state.machine(token: token) else { return nil }
            return (machine, MetadataDocument(machine, in: content.state))
        }
        guard let (machine, document) = found else {
            return .json(["error": "Not found"], status: 404)
        }
        let isUserData = path.last?.lowercased() == "userdata"
        return await calls.handle(exchange, isUserData ? .userData : .metadata, machine.id.name, records: false) {
            do throws(MetadataFault) {
                try MetadataRules.check(exchange, path)
                return try document.answer(path, exchange)
            } catch {
                return error.response
            }
        }
    }

    /// Answers the node: a token of its managed identity, or its description.
    func answerNode(_ exchange: Exchange, _ path: [String]) async -> HTTPResponse {
        let names = path.map { $0.lowercased() }
        if names == ["identity", "oauth2", "token"] {
            return await calls.handle(exchange, .identityToken, "") { self.identityToken(exchange) }
        }
        return await calls.handle(exchange, .metadata, "", records: false) {
            do throws(MetadataFault) {
                try MetadataRules.check(exchange, path)
                return try MetadataDocument(nodeOf: self.options).answer(path, exchange)
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
            return refuse(400, "bad_request_103", "X-Forwarded-For is not allowed")
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
        let issued = tokens.issue(to: options.clientID, audience: resource, at: now)
        let lifetime = issued.lifetime
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
