internal import HTTPTransport
internal import JSON
internal import LinuxIO

/// The control endpoint of a fake API server, for tests and demonstrations on the same machine, with the administrator's
/// token:
///
///     GET, PUT, DELETE /control/scenario     reads, replaces, removes the faults
///     GET    /control/requests               lists the requests until now, as "user verb path"
///     PUT    /control/users/NAME             {"token": "...", "rights": ["patch nodes/status", "get *"]}
///     DELETE /control/users/NAME             removes the user, whose token is then not valid
///     DELETE /control/history                forgets old changes: watches and lists that continue from them get 410
///     DELETE /control/watches                ends all watches
///
/// kubectl can call it, with `get --raw`, `replace --raw -f` and `delete --raw`.
struct ControlEndpoint {
    let cluster: FakeKubernetes

    func answer(_ request: HTTPRequest, _ path: [String]) -> HTTPResponse {
        guard request.peer.hasPrefix("127.") || request.peer == "::1" || request.peer.hasPrefix("::ffff:127.") else {
            return APIStatus(403, "Forbidden", "control is only for clients on the same machine").response
        }
        do throws(APIStatus) {
            let user = try cluster.state.withLock { state throws(APIStatus) in try state.rules.user(of: request) }
            guard user == FakeKubernetes.administrator else {
                throw APIStatus(403, "Forbidden", "control needs the administrator's token")
            }
            return try perform(request, path)
        } catch {
            return error.response
        }
    }

    private func perform(_ request: HTTPRequest, _ path: [String]) throws(APIStatus) -> HTTPResponse {
        switch (request.method, path.first, path.count) {
        case ("GET", "scenario", 1):
            let text = cluster.state.withLock { $0.scenarioText }
            return HTTPResponse(
                status: 200, headers: ["Content-Type": "application/json"],
                body: text.isEmpty ? Array("{}\n".utf8) : text)
        case ("PUT", "scenario", 1):
            do throws(JSONError) {
                cluster.set(try APIScenario(parsing: request.body), text: request.body)
            } catch {
                throw .badRequest("the scenario is not taken: \(error)")
            }
            return .api(["scenario": "taken"])
        case ("DELETE", "scenario", 1):
            cluster.set(APIScenario())
            return .api(["scenario": "none"])
        case ("GET", "requests", 1): return .api(["requests": .array(cluster.requests.map(JSONValue.string))])
        case ("PUT", "users", 2): return try addUser(path[1], request.body)
        case ("DELETE", "users", 2):
            try checkUser(path[1])
            cluster.changeRules { rules in
                rules.rights[path[1]] = nil
                rules.tokens = rules.tokens.filter { $0.value != path[1] }
            }
            return .api(["user": "removed"])
        case ("DELETE", "history", 1):
            cluster.compact()
            return .api(["history": "forgotten"])
        case ("DELETE", "watches", 1):
            cluster.endWatches()
            return .api(["watches": "ended"])
        default:
            throw APIStatus(
                404, "NotFound",
                "control has GET, PUT, DELETE scenario; GET requests; PUT, DELETE users/NAME; DELETE history; DELETE "
                    + "watches")
        }
    }

    /// Adds a user, or gives it a new token and other rights.
    private func addUser(_ name: String, _ body: [UInt8]) throws(APIStatus) -> HTTPResponse {
        try checkUser(name)
        var token = "", rights: Set<AccessRules.Right> = []
        do throws(JSONError) {
            let node = try JSONNode(JSONValue(parsing: body))
            for key in node.members.keys where !["token", "rights"].contains(key) {
                throw JSONError(path: key, "is not known; known are token, rights")
            }
            token = try node.string("token")
            for (index, text) in (try node.strings("rights")).enumerated() {
                let words = text.split(separator: " ").map(String.init)
                guard words.count == 2 else {
                    throw JSONError(path: "rights[\(index)]", "must be a verb and a resource, such as \"get pods\"")
                }
                rights.insert(.init(words[0], words[1]))
            }
        } catch {
            throw .badRequest("the user is not taken: \(error)")
        }
        guard !token.isEmpty else { throw .badRequest("the user is not taken: token is empty") }
        let isFree = cluster.changeRules { rules in
            guard [nil, name].contains(rules.tokens[token]) else { return false }
            rules.tokens = rules.tokens.filter { $0.value != name }
            rules.tokens[token] = name
            rules.rights[name] = rights
            return true
        }
        guard isFree else { throw .badRequest("the user is not taken: another user has this token") }
        return .api(["user": "taken"])
    }

    private func checkUser(_ name: String) throws(APIStatus) {
        guard name != FakeKubernetes.administrator, name != FakeKubernetes.anonymous else {
            throw .badRequest("the user \(name) cannot be changed")
        }
    }
}
