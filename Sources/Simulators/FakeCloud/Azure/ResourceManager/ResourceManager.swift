internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

/// Azure Resource Manager: judges a request as Azure does, and then reads or changes the resources of the store.
final class ResourceManager: Sendable {
    let options: FakeAzureOptions
    let account: FakeAzureAccount
    let store: ResourceStore
    let tokens: TokenEndpoint
    let provisioning: Provisioning
    let machines: any MachineHost
    let loop: EpollLoop
    let logger: Logger
    let throttle = Lock(Throttle())
    /// The addresses of serial logs that were given out.
    let signedLogs = Lock(SignedLogs())
    /// The origin of the time that the throttle counts in.
    let start = ContinuousClock.now
    private let calls: CallHandler

    init(
        _ options: FakeAzureOptions, account: FakeAzureAccount, store: ResourceStore, calls: CallHandler,
        tokens: TokenEndpoint, provisioning: Provisioning, machines: any MachineHost, on loop: EpollLoop, logger: Logger
    ) {
        self.options = options
        self.account = account
        self.store = store
        self.calls = calls
        self.tokens = tokens
        self.provisioning = provisioning
        self.machines = machines
        self.loop = loop
        self.logger = logger
    }

    /// Answers a request.
    func answer(_ exchange: Exchange) async -> HTTPResponse {
        var exchange = exchange
        guard let route = ARMRoute(exchange.segments) else {
            return exchange.finish(
                FakeARMFault(404, "InvalidResourcePath", "The path leads to no resource.").response,
                region: options.region)
        }
        let call = route.call(exchange.request.method)
        return await calls.handle(exchange, call, route.name) {
            let response: HTTPResponse
            do throws(FakeARMFault) {
                try self.admit(&exchange, route, call)
                response = try await self.perform(exchange, route)
            } catch {
                response = error.response
            }
            return exchange.finish(response, region: self.options.region)
        }
    }

    /// Performs a request that has been admitted.
    private func perform(_ exchange: Exchange, _ route: ARMRoute) async throws(FakeARMFault) -> HTTPResponse {
        switch (route.target, exchange.request.method) {
        case (.resource(let id), "PUT") where id.kind == .machine: return try await putMachine(id, exchange)
        case (.resource(let id), "PUT") where id.kind == .disk: return try putDisk(id, exchange)
        case (.resource(let id), "PATCH") where id.kind == .machine: return try patchMachine(id, exchange)
        case (.resource(let id), "DELETE") where id.kind == .machine: return try deleteMachine(id, exchange)
        case (.resource(let id), "DELETE"): return try deletePart(id, exchange)
        case (.resource(let id), "GET"): return try read(id, exchange)
        case (.instanceView(let id), "GET"): return try readInstanceView(id)
        case (.action(let id, "retrievebootdiagnosticsdata"), "POST"): return try retrieveBootDiagnostics(id, exchange)
        case (.list(let kind), "GET"): return try list(kind, route, exchange)
        case (.operation(let id, let style, let isResult), "GET"):
            return try readOperation(id, style, isResult: isResult, exchange)
        case (.skus, "GET"):
            return .json(store.withContent { Catalog.skus(options.region, $0.scenario, exchange.query("$filter")) })
        case (.machineSizes, "GET"): return .json(Catalog.machineSizes(route.location ?? ""))
        case (.usages(let ofNetwork), "GET"):
            return .json(store.withContent { Catalog.usages($0.state, $0.scenario, ofNetwork: ofNetwork, options) })
        case (.fixture(let path), "GET"):
            guard let body = store.withContent({ Fixtures(options, account, $0.scenario, $0.state).find(path) }) else {
                throw notFound(path)
            }
            return .json(body)
        default:
            throw FakeARMFault(
                405, "MethodNotAllowed",
                "The HTTP method '\(exchange.request.method)' is not supported at this path.", isGateway: true)
        }
    }

    private func notFound(_ path: String) -> FakeARMFault {
        let parts = path.split(separator: "/")
        guard let place = parts.lastIndex(of: "providers"), place + 3 < parts.count else {
            return FakeARMFault(404, "ResourceNotFound", "The path '\(path)' leads to nothing.", isGateway: true)
        }
        return .notFound(
            type: "\(parts[place + 1])/\(parts[place + 2])", name: parts[(place + 3)...].joined(separator: "/"),
            group: options.resourceGroup)
    }
}
