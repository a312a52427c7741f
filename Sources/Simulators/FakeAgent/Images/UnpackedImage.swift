internal import JSON
internal import LinuxIO

/// An image that umoci has unpacked into a bundle: `rootfs`, and `config.json` with what the image's configuration says.
struct UnpackedImage: Sendable {
    private static let configurationLimit = 1 << 20

    let reference: ContainerImageReference
    /// The directory of the bundle.
    let bundle: String
    /// The OCI configuration that umoci derived from the image's.
    let configuration: JSONObject
    private let process: ProcessPlan

    /// The root directory of the container.
    var root: String { bundle + "/rootfs" }

    /// Reads the bundle's configuration.
    init(_ reference: ContainerImageReference, at bundle: String) throws {
        self.reference = reference
        self.bundle = bundle
        let bytes = try DurableFile.read(bundle + "/config.json", limit: Self.configurationLimit)
        let node = try JSONNode(JSONValue(parsing: bytes))
        configuration = node.members
        let process = try node.object("process")
        self.process = ProcessPlan(
            arguments: try process.optionalStrings("args") ?? [], environment: try process.optionalStrings("env") ?? [],
            workingDirectory: try process.optionalString("cwd") ?? "")
    }

    /// The plan of a container's first process, completed as kata's agent does: the image's arguments if there are none, its
    /// working directory for `/`, and those of its variables that the plan does not have.
    func completing(_ plan: ProcessPlan) -> ProcessPlan {
        var plan = plan
        if plan.arguments.isEmpty { plan.arguments = process.arguments }
        if ["", "/"].contains(plan.workingDirectory), !process.workingDirectory.isEmpty {
            plan.workingDirectory = process.workingDirectory
        }
        let names = Set(plan.environment.map { $0.prefix { $0 != "=" } })
        plan.environment += process.environment.filter { !names.contains($0.prefix { $0 != "=" }) }
        return plan
    }
}
