internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

extension FakeAzure {
    /// Answers what is asked of Azure Resource Manager.
    func answerARM(_ exchange: Exchange) async -> HTTPResponse {
        var exchange = exchange
        guard let route = ARMRoute(exchange.segments) else {
            return exchange.finish(
                FakeARMFault(404, "InvalidResourcePath", "The path leads to no resource.").response,
                region: options.region)
        }
        let call = route.call(exchange.request.method)
        return await withFaults(exchange, call, route.name) {
            let response: HTTPResponse
            do throws(FakeARMFault) {
                try admit(&exchange, route, call)
                response = try await perform(exchange, route)
            } catch {
                response = error.response
            }
            return exchange.finish(response, region: options.region)
        }
    }

    /// What ARM itself looks at, in its order: token, version, limits, subscription, group.
    private func admit(_ exchange: inout Exchange, _ route: ARMRoute, _ call: AzureCall) throws(FakeARMFault) {
        exchange.principal = try principal(exchange)
        try APIVersions.check(exchange.query("api-version"), route)
        exchange.headers = try countCall(call, by: exchange.principal, on: route)
        guard route.subscription.lowercased() == options.subscriptionID.lowercased() else {
            throw FakeARMFault(
                404, "SubscriptionNotFound", "The subscription '\(route.subscription)' could not be found.",
                isGateway: true)
        }
        let permissions = core.withLock { $0.scenario.permissions }
        if let action = route.action(exchange.request.method),
            !permissions.contains(where: { Glob.matches($0, action) })
        {
            throw FakeARMFault(
                403, "AuthorizationFailed",
                "The client '\(exchange.principal)' with object id '\(exchange.principal)' does not have authorization "
                    + "to perform action '\(action)' over scope '\(exchange.request.path)' or the scope is invalid. If "
                    + "access was recently granted, please refresh your credentials.", isGateway: true)
        }
        if let group = route.group, group.lowercased() != options.resourceGroup.lowercased() {
            throw FakeARMFault(
                404, "ResourceGroupNotFound", "Resource group '\(group)' could not be found.", isGateway: true)
        }
    }

    /// Counts the call against every limit that it has.
    ///
    /// - Returns: what the answer says of them.
    private func countCall(
        _ call: AzureCall, by principal: String, on route: ARMRoute
    ) throws(FakeARMFault) -> HTTPHeaders {
        let (verdict, throttling) = core.withLock { core in
            let throttling = core.scenario.throttling
            guard throttling.isOn else { return (Throttle.Verdict.admitted(HTTPHeaders()), throttling) }
            let verdict = core.throttle.admit(
                call, principal: principal, resource: route.name, at: bucketTime(core.scenario))
            if case .refused = verdict { core.throttled += 1 }
            return (verdict, throttling)
        }
        switch verdict {
        case .admitted(let headers): return headers
        case .refused(let policy, let wait):
            // Retry-After has whole seconds, of the client's time.
            let scale = throttling.clientsAreScaled ? 1 : throttling.timeScale
            throw .throttled(by: policy, wait: max(1, Int((wait / scale).rounded(.up))))
        }
    }

    /// Who asks.
    private func principal(_ exchange: Exchange) throws(FakeARMFault) -> String {
        guard let header = exchange.request.headers["Authorization"] else {
            throw unauthorized(
                "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw unauthorized(
                "AuthenticationFailedInvalidHeader",
                "Authentication failed. The 'Authorization' header is provided in an invalid format.")
        }
        let outcome: Result<TokenIssuer.Holder, TokenIssuer.TokenRefused> = core.withLock { core in
            do throws(TokenIssuer.TokenRefused) {
                return .success(try core.tokens.holder(of: String(parts[1]), at: exchange.received))
            } catch {
                return .failure(error)
            }
        }
        switch outcome {
        case .success(let holder): return holder.principal
        case .failure(let error):
            switch error.refusal {
            case .unknown: throw unauthorized("InvalidAuthenticationToken", "The access token is invalid.")
            case .expired:
                throw unauthorized(
                    "ExpiredAuthenticationToken",
                    "The access token expiry UTC time is earlier than current UTC time '\(exchange.received)'.")
            }
        }
    }

    private func unauthorized(_ code: String, _ message: String) -> FakeARMFault {
        var fault = FakeARMFault(401, code, message, isGateway: true)
        fault.headers.add(
            "WWW-Authenticate",
            "Bearer authorization_uri=\"\(endpoint)/\(options.tenantID)\", error=\"invalid_token\", "
                + "error_description=\"\(message)\"")
        return fault
    }

    /// Does what is asked, once it may be.
    private func perform(_ exchange: Exchange, _ route: ARMRoute) async throws(FakeARMFault) -> HTTPResponse {
        switch (route.target, exchange.request.method) {
        case (.resource(let id), "PUT") where id.kind == .machine: return try await putMachine(id, exchange)
        case (.resource(let id), "PUT") where id.kind == .disk: return try putDisk(id, exchange)
        case (.resource(let id), "PATCH") where id.kind == .machine: return try patchMachine(id, exchange)
        case (.resource(let id), "DELETE") where id.kind == .machine: return try deleteMachine(id, exchange)
        case (.resource(let id), "DELETE"): return try deletePart(id, exchange)
        case (.resource(let id), "GET"): return try read(id, exchange)
        case (.instanceView(let id), "GET"): return try readInstanceView(id)
        case (.list(let kind), "GET"): return try list(kind, route, exchange)
        case (.operation(let id, let style, let isResult), "GET"):
            return try readOperation(id, style, isResult: isResult, exchange)
        case (.skus, "GET"):
            return .json(core.withLock { Catalog.skus(options.region, $0.scenario, exchange.query("$filter")) })
        case (.machineSizes, "GET"): return .json(Catalog.machineSizes(route.location ?? ""))
        case (.usages(let ofNetwork), "GET"):
            return .json(core.withLock { Catalog.usages($0.state, $0.scenario, ofNetwork: ofNetwork, options) })
        case (.fixture(let path), "GET"):
            guard let body = core.withLock({ Fixtures(options, account, $0.scenario, $0.state).find(path) }) else {
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

extension FakeARMFault {
    init(_ status: Int, _ code: String, _ message: String, isGateway: Bool) {
        self.init(status, code, message)
        self.isGateway = isGateway
    }

    /// A resource that is not there.
    static func notFound(type: String, name: String, group: String) -> FakeARMFault {
        FakeARMFault(
            404, "ResourceNotFound",
            "The Resource '\(type)/\(name)' under resource group '\(group)' was not found. For more details please go "
                + "to https://aka.ms/ARMResourceNotFoundFix", isGateway: true)
    }

    static func notFound(_ id: FakeResourceID) -> FakeARMFault {
        notFound(type: id.kind.typeName, name: id.name, group: id.group)
    }
}
