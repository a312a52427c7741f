internal import JSON
package import Telemetry

/// The line of JSON with which a supervised `fake-azure` tells its parent how to use it, or why it cannot start.
package struct FakeAzureAnnouncement: Sendable {
    /// How the node reaches the VMs of the fake.
    package enum Machines: Equatable, Sendable {
        /// The VMs are hosts of a network behind this interface.
        case network(interface: String)
        /// The VMs have loopback addresses, for this reason.
        case loopback(reason: String)
    }

    /// The environment of an adaptor that uses the fake.
    package let environment: [String: String]
    /// How the node reaches the VMs.
    package let machines: Machines

    /// Reads the line, without its newline.
    ///
    /// - Throws: ``FakeAzureError`` when the line announces a failure, or is not an announcement.
    package init(parsing line: [UInt8]) throws(FakeAzureError) {
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
                self.machines = .network(interface: interface)
            } else {
                self.machines = .loopback(reason: try machines.string("loopback"))
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

    /// The client secret of the fake's account.
    package var secret: Secret<String> { Secret(environment["AZURE_CLIENT_SECRET"] ?? "") }

    /// The URL of the fake's Resource Manager.
    package var endpoint: String { environment["AZURE_MANAGEMENT_ENDPOINT"] ?? "" }
}

/// Why the fake Azure does not start, or no longer runs, and what to do.
package struct FakeAzureError: Error, Equatable, CustomStringConvertible {
    /// What happened, why, and what to do.
    package let description: String
}
