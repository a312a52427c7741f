internal import FakeCloud
internal import JSON

/// What a supervised `fake-azure` tells its parent on standard output, as one line of JSON:
///
///     {"environment": {"AZURE_TENANT_ID": "...", ...}, "machines": {"interface": "ppf1a2b3c"}}
///     {"environment": {...}, "machines": {"loopback": "why VMs have loopback addresses"}}
///     {"error": "why it does not start"}
enum Announcement {
    /// The fake serves: the environment of an adaptor that uses it, and how its VMs are reached.
    case serving(FakeAzureAccount, MachineNetwork)
    /// The fake cannot start, and ends.
    case failure(String)

    /// The line, with its newline.
    var line: String { String(decoding: json.encoded(), as: UTF8.self) + "\n" }

    private var json: JSONValue {
        switch self {
        case .serving(let account, let network):
            let environment = JSONObject(account.environment.map { ($0.name, .string($0.value)) })
            return ["environment": .object(environment), "machines": Announcement.machines(network)]
        case .failure(let reason): return ["error": .string(reason)]
        }
    }

    private static func machines(_ network: MachineNetwork) -> JSONValue {
        switch network {
        case .hosts(let interface): ["interface": .string(interface)]
        case .loopback(let reason): ["loopback": .string(reason)]
        }
    }
}
