import PeerPodProtocol
import TTRPC
import Testing

@Suite("The .proto files in docs")
struct ProtoFileTests {
    private static let hop = HopStatus.with {
        ($0.place, $0.interface, $0.mtu, $0.isUp, $0.redirectedTo) = ("node", "eth0", 1500, true, "vxlan1")
        ($0.receivedPackets, $0.receivedBytes, $0.receivedDropped) = (1, 2, 3)
        ($0.sentPackets, $0.sentBytes, $0.sentDropped) = (4, 5, 6)
    }
    private static let sandbox = SandboxStatus.with {
        ($0.id, $0.podName, $0.podNamespace, $0.state) = ("s1", "web", "shop", "running")
        ($0.vm, $0.address, $0.created, $0.failure) = ("podvm-web", "10.0.0.4", 7, "It failed.")
        ($0.size, $0.zone, $0.tee) = ("DC2es", "2", "tdx")
    }
    private static let step = HistoryStep.with {
        ($0.step, $0.time, $0.place, $0.code, $0.detail) = ("refused", 7, "DC2es", "SkuNotAvailable", "none left")
    }
    private static let history = SandboxHistoryStatus.with {
        ($0.sandbox, $0.hasEnded, $0.sizeReason, $0.steps) = (sandbox, true, "the default", [step])
    }
    private static let orphan = OrphanStatus.with {
        ($0.kind, $0.name, $0.node, $0.podNamespace, $0.podName) = ("VM", "podvm-web", "n1", "shop", "web")
        ($0.sandbox, $0.size, $0.created, $0.reason, $0.obstacle) = ("s1", "DC2es", 7, "lost", "young")
    }
    private static let machine = MachineStatus.with {
        ($0.name, $0.node, $0.podNamespace, $0.podName) = ("podvm-web", "n1", "shop", "web")
        ($0.sandbox, $0.size, $0.created) = ("s1", "DC2es", 7)
    }
    private static let nodes = OrphansRequest.with { ($0.nodes, $0.allNodes) = (["n1"], true) }
    /// One of each message, with a value in every field.
    private static let messages: [any Message] = [
        machine, MachineList.with { $0.machines = [machine] }, orphan, nodes, OrphanList.with { $0.orphans = [orphan] },
        CollectRequest.with { ($0.nodes, $0.orphans) = (nodes, [orphan]) },
        step, history, HistoryRequest.with { $0.name = "web" }, SandboxHistories.with { $0.sandboxes = [history] },
        hop, sandbox, SandboxList.with { $0.sandboxes = [sandbox] }, PodNetworkRequest.with { $0.id = "s1" },
        PodNetworkStatus.with {
            ($0.namespacePath, $0.addresses, $0.vxlanID, $0.vxlanPort) = ("/run/netns/a", ["10.1.0.2/24"], 7, 4789)
            ($0.nodeAddress, $0.vmAddress, $0.hops) = ("10.0.0.1", "10.0.0.4", [hop])
            ($0.routes, $0.problems, $0.silence) = (["default via 10.1.0.1"], ["none"], "refused")
        },
        VMNetworkStatus.with {
            ($0.hops, $0.addresses, $0.routes) = ([hop], ["10.1.0.2/24"], ["default via 10.1.0.1"])
            ($0.problems, $0.tunnel) = (["none"], "vxlan1")
        },
        GetInfoRequest.with { ($0.podName, $0.podNamespace, $0.wait) = ("web", "shop", true) },
        GetInfoResponse.with { $0.vmID = "podvm-web" },
        AttachRequest.with { ($0.version, $0.adaptorSocket) = (1, "/run/a.sock") },
        GatewayEvent.with { ($0.status, $0.stoppedSandbox) = (gateway, "s1") }, gateway,
        OpenTunnelRequest.with {
            ($0.sandbox, $0.socket, $0.host, $0.port) = ("s1", "/run/agent.ttrpc", "10.0.0.4", 15150)
            ($0.connectsAhead, $0.tls) = (true, tls)
        },
        tls, CloseTunnelRequest.with { ($0.sandbox, $0.reason) = ("s1", "stopped") },
        HandOverRequest.with { ($0.version, $0.socket) = (1, "/run/b.sock") },
        HandOverResponse.with { $0.generation = 1 }, TunnelList.with { $0.tunnels = [tunnel] }, tunnel,
        MoveTunnelRequest.with { ($0.sandbox, $0.socket) = ("s1", "/run/c.sock") },
        MoveTunnelResponse.with { ($0.isMoved, $0.kept) = (true, 1) },
        MoveConnectionsRequest.with { $0.socket = "/run/d.sock" },
        MoveConnectionsResponse.with { ($0.moved, $0.kept) = (1, 2) }, MovedConnections.with { $0.connections = 3 },
        MovedTunnel.with {
            ($0.plan, $0.hasListener, $0.connections) = (.with { $0.sandbox = "s1" }, true, 2)
        },
    ]
    private static let gateway = GatewayStatus.with {
        ($0.version, $0.generation, $0.pid, $0.tunnels) = (1, 2, 3, 4)
        ($0.waitingCalls, $0.forwardedCalls, $0.resentCalls, $0.stopMarks, $0.attachments) = (5, 6, 7, 8, 9)
        ($0.suspendedSessions, $0.resumedSessions, $0.lostSessions, $0.answeredChecks) = (10, 11, 12, 13)
    }
    private static let tls = TunnelTLS.with {
        ($0.authority, $0.certificate, $0.key, $0.serverName) = ("a", "c", "k", "podvm-web")
        ($0.minimumVersion, $0.cipherSuites, $0.skipsVerification) = ("VersionTLS12", ["TLS_A"], true)
    }
    private static let tunnel = TunnelStatus.with {
        ($0.sandbox, $0.connections, $0.millisecondsSinceUse, $0.generation) = ("s1", 1, 2, 3)
    }

    private let fields: [String: [ProtoFile.Field]]
    private let methods: Set<String>

    init() throws {
        let files = try ["peerpod.proto", "podvminfo.proto", "gateway.proto"].map { try ProtoFile($0) }
        fields = files.reduce(into: [:]) { $0.merge($1.messages) { _, _ in [] } }
        methods = files.reduce(into: []) { $0.formUnion($1.methods) }
    }

    @Test("have the messages of the code, field by field: name, type and number")
    func messages() throws {
        #expect(Set(fields.keys) == Set(Self.messages.map { "\(type(of: $0))" }))
        for message in Self.messages {
            #expect(fields["\(type(of: message))"] == (try Self.fields(of: message)), "\(type(of: message))")
        }
    }

    @Test("have the methods of the code")
    func services() {
        let own = [
            Self.text(of: Sandboxes.list), Self.text(of: Sandboxes.network), Self.text(of: PodVM.network),
            Self.text(of: PodVMInfo.getInfo), Self.text(of: Sandboxes.orphans), Self.text(of: Sandboxes.collect),
            Self.text(of: Sandboxes.history), Self.text(of: Sandboxes.machines),
            Self.text(of: GatewayControl.openTunnel),
            Self.text(of: GatewayControl.closeTunnel), Self.text(of: GatewayControl.list),
            Self.text(of: GatewayControl.counters), Self.text(of: GatewayControl.handOver),
            Self.text(of: GatewayControl.moveTunnel), Self.text(of: GatewayControl.moveConnections),
            Self.text(of: GatewayControl.attach),
        ]
        #expect(methods == Set(own))
    }

    private static func text<Request, Response>(of method: Method<Request, Response>) -> String {
        "\(method.service)/\(method.name)(\(name(Request.self))) returns (\(name(Response.self)))"
    }

    private static func text<Request, Response>(of method: StreamingMethod<Request, Response>) -> String {
        "\(method.service)/\(method.name)(\(name(Request.self))) returns (stream \(name(Response.self)))"
    }

    private static func name(_ kind: any Message.Type) -> String {
        kind == Empty.self ? "google.protobuf.Empty" : "\(kind)"
    }

    /// What the encoder writes, in order, with the properties' names and types.
    private static func fields(of message: any Message) throws -> [ProtoFile.Field] {
        var numbers: [Int] = []
        var reader = ProtobufReader(message.encoded[...])
        while let field = try reader.next() { numbers.append(field.number) }
        let properties = Array(Mirror(reflecting: message).children)
        // A property without a value here, or one that is not encoded, would shift the others.
        try #require(numbers.count == properties.count, "\(type(of: message))")
        return try zip(properties, numbers).map { property, number in
            let type = try #require(protoType(of: property.value), "\(property)")
            return ProtoFile.Field(type, try #require(property.label), number)
        }
    }

    private static func protoType(of value: Any) -> String? {
        switch value {
        case is String: "string"
        case is Bool: "bool"
        case is UInt32: "uint32"
        case is UInt64: "uint64"
        case is Int, is Int64: "int64"
        case is [String]: "repeated string"
        case is GatewayStatus: "GatewayStatus"
        case is TunnelTLS: "TunnelTLS"
        case is OpenTunnelRequest: "OpenTunnelRequest"
        case is [TunnelStatus]: "repeated TunnelStatus"
        case is [HopStatus]: "repeated HopStatus"
        case is [SandboxStatus]: "repeated SandboxStatus"
        case is [HistoryStep]: "repeated HistoryStep"
        case is [SandboxHistoryStatus]: "repeated SandboxHistoryStatus"
        case is SandboxStatus?: "SandboxStatus"
        case is [MachineStatus]: "repeated MachineStatus"
        case is [OrphanStatus]: "repeated OrphanStatus"
        case is OrphansRequest?: "OrphansRequest"
        default: nil
        }
    }
}
