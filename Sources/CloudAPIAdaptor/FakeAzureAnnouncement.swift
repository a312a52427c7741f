internal import JSON
internal import Telemetry

/// The line of JSON in which a supervised `fake-azure` says how to use it, or why it cannot start.
struct FakeAzureAnnouncement: Sendable {
    /// The environment of an adaptor that uses it.
    let environment: [String: String]
    /// How its VMs are reached.
    let reach: Cloud.Reach

    /// - Throws: ``FakeAzureError`` when the line announces a failure, or is not an announcement.
    init(parsing line: [UInt8]) throws(FakeAzureError) {
        do {
            let root = try JSONNode(JSONValue(parsing: line))
            if let reason = try root.optionalString("error") { throw FakeAzureError(description: reason) }
            var environment: [String: String] = [:]
            for (name, value) in try root.object("environment").members.entries {
                guard let text = value.stringValue else { throw JSONError(path: "environment.\(name)", "not a string") }
                environment[name] = text
            }
            self.environment = environment
            let machines = try root.object("machines")
            if let interface = try machines.optionalString("interface") {
                reach = .network(interface: interface)
            } else {
                let reason = try machines.string("loopback")
                reach = .loopback(reason: "the fake's VMs have loopback addresses: \(reason)")
            }
        } catch let error as FakeAzureError {
            throw error
        } catch {
            throw FakeAzureError(
                description:
                    "the fake Azure does not start: its first line of output is not an announcement: \(error). "
                    + "Use a fake-azure of the same version as cloud-api-adaptor")
        }
    }

    /// The client secret of its account.
    var secret: Secret<String> { Secret(environment["AZURE_CLIENT_SECRET"] ?? "") }

    /// Where its Resource Manager is.
    var endpoint: String { environment["AZURE_MANAGEMENT_ENDPOINT"] ?? "" }
}

/// Why the fake Azure does not start, or no longer runs, and what to do.
struct FakeAzureError: Error, Equatable, CustomStringConvertible {
    let description: String
}
