internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

extension ResourceManager {
    /// Checks what ARM checks before a resource provider, in its order: token, API version, limits, subscription,
    /// rights, group.
    func admit(_ exchange: inout Exchange, _ route: ARMRoute, _ call: AzureCall) throws(FakeARMFault) {
        exchange.principal = try principal(exchange)
        try APIVersions.check(exchange.query("api-version"), route)
        exchange.headers = try countCall(call, by: exchange.principal, on: route)
        guard route.subscription.lowercased() == options.subscriptionID.lowercased() else {
            throw FakeARMFault(
                404, "SubscriptionNotFound", "The subscription '\(route.subscription)' could not be found.",
                isGateway: true)
        }
        let permissions = store.withContent { $0.scenario.permissions }
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

    /// Counts a call against each of its limits.
    ///
    /// - Returns: the headers with what is left of the limits.
    private func countCall(
        _ call: AzureCall, by principal: String, on route: ARMRoute
    ) throws(FakeARMFault) -> HTTPHeaders {
        let scenario = store.withContent { $0.scenario }
        let throttling = scenario.throttling
        guard throttling.isOn else { return HTTPHeaders() }
        let verdict = throttle.withLock {
            $0.admit(call, principal: principal, resource: route.name, at: bucketTime(scenario))
        }
        switch verdict {
        case .admitted(let headers): return headers
        case .refused(let policy, let wait):
            store.withContent { $0.throttled += 1 }
            // Retry-After has whole seconds in the client's time scale.
            let scale = throttling.clientsAreScaled ? 1 : throttling.timeScale
            throw .throttled(by: policy, wait: max(1, Int((wait / scale).rounded(.up))))
        }
    }

    /// The principal whose token a request shows.
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
        do throws(TokenIssuer.TokenRefused) {
            return try tokens.holder(of: String(parts[1]), at: exchange.received).principal
        } catch {
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
            "Bearer authorization_uri=\"\(account.managementEndpoint)/\(options.tenantID)\", error=\"invalid_token\", "
                + "error_description=\"\(message)\"")
        return fault
    }

    /// Seconds since the start, in the time scale of the scenario.
    private func bucketTime(_ scenario: AzureScenario) -> Double {
        let passed = ContinuousClock.now - start
        return (Double(passed.components.seconds) + Double(passed.components.attoseconds) * 1e-18)
            * scenario.throttling.timeScale
    }
}
