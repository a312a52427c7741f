internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

extension ResourceManager {
    /// `GET` of a resource.
    func read(_ id: FakeResourceID, _ exchange: Exchange) throws(FakeARMFault) -> HTTPResponse {
        let expansion = try expansion(exchange)
        let found = store.withContent { content -> (text: [UInt8], etag: String?)? in
            let etag = content.state.etag(of: id)
            guard expansion != .none, let machine = content.state.machines[id] else {
                return content.state.document(id).map { ($0, etag) }
            }
            let status = expansion == .instanceView ? machines.status(of: machine.machineName) : nil
            return (machine.json(in: content.state, showing: expansion, status: status).encoded(), etag)
        }
        guard let (text, etag) = found else { throw .notFound(id) }
        return .json(text: text, headers: HTTPHeaders(etag.map { [("ETag", $0)] } ?? []))
    }

    private func expansion(_ exchange: Exchange) throws(FakeARMFault) -> FakeVirtualMachine.Expansion {
        switch exchange.query("$expand")?.lowercased() {
        case nil, "": return .none
        case "instanceview": return .instanceView
        case "userdata": return .userData
        case .some(let other):
            throw .invalid("$expand", "The $expand value '\(other)' is not one of instanceView, userData.")
        }
    }

    /// `GET .../instanceView`
    func readInstanceView(_ id: FakeResourceID) throws(FakeARMFault) -> HTTPResponse {
        let view = store.withContent { content in
            content.state.machines[id].map {
                $0.instanceView(in: content.state, status: machines.status(of: $0.machineName))
            }
        }
        guard let view else { throw .notFound(id) }
        return .json(view)
    }

    /// `GET` of all resources of a kind, in a group or in the subscription, in pages.
    func list(_ kind: FakeResourceKind, _ route: ARMRoute, _ exchange: Exchange) throws(FakeARMFault) -> HTTPResponse {
        var after = 0
        if let token = exchange.query("$skiptoken") {
            guard let serial = Int(token), serial >= 0 else {
                throw .invalid("$skiptoken", "The skip token '\(token)' is none that a list has given.")
            }
            after = serial
        }
        // There is only one group, so the list of the group and the list of the subscription are the same.
        let (text, next) = store.withContent { content in
            let page = content.state.page(of: kind, after: after, limit: content.scenario.pageSize)
            var text = Array("{\"value\":[".utf8)
            for id in page.ids {
                guard let document = content.state.document(id) else { continue }
                if text.last != UInt8(ascii: "[") { text.append(UInt8(ascii: ",")) }
                text += document
            }
            text.append(UInt8(ascii: "]"))
            return (text, page.next)
        }
        var whole = text
        if let next {
            let version = exchange.query("api-version") ?? ""
            let url = "\(exchange.endpoint)\(exchange.request.path)?api-version=\(version)&$skiptoken=\(next)"
            whole += Array(",\"nextLink\":".utf8) + JSONValue.string(url).encoded()
        }
        whole.append(UInt8(ascii: "}"))
        return .json(text: whole)
    }
}
