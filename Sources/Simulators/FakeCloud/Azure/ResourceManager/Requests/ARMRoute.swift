/// The resource or list that a path below `/subscriptions` names.
struct ARMRoute: Equatable, Sendable {
    enum Target: Equatable, Sendable {
        case resource(FakeResourceID)
        case list(FakeResourceKind)
        case instanceView(FakeResourceID)
        /// `POST .../virtualMachines/{vm}/{action}`
        case action(FakeResourceID, String)
        case operation(String, LongRunningOperation.Style, isResult: Bool)
        case skus
        case machineSizes
        case usages(ofNetwork: Bool)
        /// A read-only resource; the path is in lower case.
        case fixture(String)
    }

    let subscription: String
    let group: String?
    let location: String?
    let target: Target

    /// Parses a path; every path below `/subscriptions/{id}` has a route, also one for which there is no resource.
    init?(_ segments: [String]) {
        guard segments.count >= 2, segments[0].lowercased() == "subscriptions" else { return nil }
        subscription = segments[1]
        let fixture = Target.fixture("/" + segments.joined(separator: "/").lowercased())
        var rest = segments.dropFirst(2)
        var group: String?
        if rest.count >= 2, rest[rest.startIndex].lowercased() == "resourcegroups" {
            group = rest[rest.startIndex + 1]
            rest = rest.dropFirst(2)
        }
        self.group = group
        guard rest.count >= 3, rest[rest.startIndex].lowercased() == "providers" else {
            (location, target) = (nil, fixture)
            return
        }
        let provider = rest[rest.startIndex + 1].lowercased()
        rest = rest.dropFirst(2)
        if group == nil, rest.count >= 3, rest[rest.startIndex].lowercased() == "locations" {
            location = rest[rest.startIndex + 1]
            target = ARMRoute.inLocation(provider, Array(rest.dropFirst(2))) ?? fixture
            return
        }
        location = nil
        target = ARMRoute.ofProvider(provider, Array(rest), group) ?? fixture
    }

    private static func inLocation(_ provider: String, _ rest: [String]) -> Target? {
        switch (provider, rest[0].lowercased(), rest.count) {
        case ("microsoft.compute", "operations", 2): .operation(rest[1], .compute, isResult: false)
        case ("microsoft.compute", "diskoperations", 2): .operation(rest[1], .disk, isResult: false)
        case ("microsoft.network", "operations", 2): .operation(rest[1], .network, isResult: false)
        case ("microsoft.network", "operationresults", 2): .operation(rest[1], .network, isResult: true)
        case ("microsoft.compute", "usages", 1): .usages(ofNetwork: false)
        case ("microsoft.network", "usages", 1): .usages(ofNetwork: true)
        case ("microsoft.compute", "vmsizes", 1): .machineSizes
        case ("microsoft.compute", "virtualmachines", 1): .list(.machine)
        default: nil
        }
    }

    private static func ofProvider(_ provider: String, _ rest: [String], _ group: String?) -> Target? {
        if group == nil, provider == "microsoft.compute", rest.count == 1, rest[0].lowercased() == "skus" {
            return .skus
        }
        guard let kind = FakeResourceKind(provider: provider, type: rest[0]) else { return nil }
        if rest.count == 1 { return .list(kind) }
        guard let group else { return nil }
        let id = FakeResourceID(kind, group: group, name: rest[1])
        switch (kind, rest.count) {
        case (_, 2): return .resource(id)
        case (.machine, 3) where rest[2].lowercased() == "instanceview": return .instanceView(id)
        case (.machine, 3): return .action(id, rest[2].lowercased())
        default: return nil
        }
    }

    /// The name of the call in scenarios.
    func call(_ method: String) -> AzureCall {
        switch (target, method) {
        case (.resource(let id), "GET"): .get(id.kind)
        case (.resource(let id), "DELETE"): .delete(id.kind)
        case (.resource(let id), "PUT"): id.kind == .machine ? .machinePut : id.kind == .disk ? .diskPut : .unknown
        case (.resource(let id), "PATCH"): id.kind == .machine ? .machinePatch : .unknown
        case (.list(let kind), "GET"): .list(kind)
        case (.instanceView, "GET"): .instanceView
        case (.action(_, "retrievebootdiagnosticsdata"), "POST"): .bootDiagnostics
        case (.operation, "GET"): .operationGet
        case (.skus, "GET"): .skus
        case (.machineSizes, "GET"): .machineSizes
        case (.usages, "GET"): .usages
        case (.fixture, "GET"): .fixture
        default: .unknown
        }
    }

    /// The name of the resource in the path.
    var name: String {
        switch target {
        case .resource(let id), .instanceView(let id), .action(let id, _): id.name
        case .operation(let id, _, _): id
        case .list, .skus, .machineSizes, .usages: ""
        case .fixture(let path): String(path.split(separator: "/").last ?? "")
        }
    }
}
