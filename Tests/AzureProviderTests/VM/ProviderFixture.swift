import AzureDoubles
import AzureProvider
import Doubles
import HTTPTransport
import JSON
import LinuxIO
import PodVMLifecycle
import Telemetry
import Testing

/// A provider whose Azure is scripted and whose time leaps.
struct ProviderFixture {
    let arm = ScriptedARM()
    let clock = InstantClock()
    let provider: AzureProvider
    let metrics = Metrics()
    private let lines = Lock<[String]>([])
    let sandbox: SandboxID

    static let vm = "/virtualMachines/podvm-nginx-0a1b2c3d"
    static let nic = "/networkInterfaces/podvm-nginx-0a1b2c3d-net"
    static let disk = "/disks/podvm-nginx-0a1b2c3d-disk"
    static let operationURL =
        "https://management.test/subscriptions/sub/providers/Microsoft.Compute/locations/eastus/operations/op1?t=1"
    static let operation = "/operations/op1"

    /// `skus`: what the region has; nil: the list cannot be read.
    init(_ skus: [JSONValue]? = Example.skus, _ change: (inout AzureOptions) -> Void = { _ in }) throws {
        var options = Example.options
        let other = ScriptedARM.options
        (options.clientSecret, options.authorityHost) = (other.clientSecret, other.authorityHost)
        options.managementEndpoint = other.managementEndpoint
        change(&options)
        provider = try AzureProvider(
            options, sender: arm, sshPublicKey: "ssh-ed25519 AAAA", clock: clock,
            logger: Logger(level: .debug, format: .json) { [lines] line in
                lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
            }, metrics: metrics)
        sandbox = try SandboxID(validating: "0a1b2c3d4e5f")
        if let skus {
            arm.on("GET", "/skus", .json(200, ["value": .array(skus)]))
        } else {
            arm.on("GET", "/skus", .refusal(403, "AuthorizationFailed", "no right to read skus"))
        }
    }

    /// The lines of the log.
    var log: [String] { lines.withLock { $0 } }

    var spec: InstanceSpec { spec() }

    func spec(_ wanted: Requirements = Requirements()) -> InstanceSpec {
        Example.spec(wanted, tags: [InstanceTags.sandbox: sandbox.rawValue, InstanceTags.node: "n"])
    }

    /// A VM as ARM tells of it.
    static func machine(
        _ state: String = "Creating", sandbox: String? = "0a1b2c3d4e5f", nic: String? = nil,
        name: String = "podvm-nginx-0a1b2c3d", vmID: String? = nil
    ) -> JSONValue {
        let interfaces: [JSONValue] =
            nic.map {
                [["id": .string("\(Example.group)/Microsoft.Network/networkInterfaces/\($0)")]]
            } ?? []
        var tags = JSONObject()
        if let sandbox { tags["peerpods-sandbox"] = .string(sandbox) }
        var properties = JSONObject([("provisioningState", .string(state))])
        properties["networkProfile"] = ["networkInterfaces": .array(interfaces)]
        if let vmID { properties["vmId"] = .string(vmID) }
        return ["name": .string(name), "tags": .object(tags), "properties": .object(properties)]
    }

    static func interface(_ address: String?, vm: String? = nil, publicIP: String? = nil) -> JSONValue {
        var configuration = JSONObject([("primary", .bool(true))])
        if let address { configuration["privateIPAddress"] = .string(address) }
        if let publicIP {
            let id: JSONValue = ["id": .string("\(Example.group)/Microsoft.Network/publicIPAddresses/\(publicIP)")]
            configuration["publicIPAddress"] = id
        }
        var properties = JSONObject()
        properties["ipConfigurations"] = .array([["properties": .object(configuration)]])
        if let vm {
            let id: JSONValue = ["id": .string("\(Example.group)/Microsoft.Compute/virtualMachines/\(vm)")]
            properties["virtualMachine"] = id
        }
        return ["name": "podvm-nginx-0a1b2c3d-net", "properties": .object(properties)]
    }

    static let running: (String, String) = ("Azure-AsyncOperation", operationURL)

    /// Azure takes the VM, and says where its operation is.
    func accept() { arm.on("PUT", Self.vm, .json(201, Self.machine(), [Self.running, ("Retry-After", "10")])) }

    /// The interface gets this address.
    func address(_ replies: ScriptedARM.Reply...) {
        for _ in replies {}
        switch replies.count {
        case 1: arm.on("GET", Self.nic, replies[0])
        case 2: arm.on("GET", Self.nic, replies[0], replies[1])
        default: arm.on("GET", Self.nic, replies[0], replies[1], replies[2])
        }
    }

    static let hasAddress = ScriptedARM.Reply.json(200, interface("10.0.0.4"))

    /// The operation's status.
    static func status(_ text: String, _ code: String? = nil, _ message: String = "sorry") -> ScriptedARM.Reply {
        var body = JSONObject([("status", .string(text))])
        if let code {
            let error: JSONValue = ["code": .string(code), "message": .string(message)]
            body["error"] = error
        }
        return .json(200, .object(body), [("x-ms-request-id", "req-\(code ?? "")")])
    }

    /// Methods and what they name, such as `PUT podvm-nginx-0a1b2c3d`, without the list of sizes.
    var calls: [String] {
        arm.calls.compactMap { call in
            let parts = call.split(separator: "?")[0].split(separator: "/")
            let method = call.split(separator: " ")[0]
            return parts.last == "skus" ? nil : "\(method) \(parts[parts.count - 1])"
        }
    }

    /// The bodies of the PUTs.
    var bodies: [JSONValue] {
        arm.requests.filter { $0.method == "PUT" }.compactMap { try? JSONValue(parsing: $0.body) }
    }

    /// Sizes and zones of the PUTs.
    var places: [String] {
        bodies.map { body in
            let size = body["properties"]?["hardwareProfile"]?["vmSize"]?.stringValue ?? ""
            let zone = body["zones"]?.arrayValue?.first?.stringValue
            return zone.map { "\(size)/\($0)" } ?? size
        }
    }

    func create(_ wanted: Requirements = Requirements()) async throws -> [String] {
        try await provider.createInstance(for: sandbox, from: spec(wanted)).instance().addresses
    }

    func failure(_ body: () async throws -> Void) async -> ProviderError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? ProviderError
        }
    }
}
