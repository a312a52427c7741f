internal import JSON
internal import KataProtocol
internal import LinuxIO
internal import MachineIsolation

/// A container that crun runs in an image's files, in process, IPC, host name and mount namespaces of its own. It has no
/// control group.
final class RuntimeContainer: Sendable {
    private let program: String
    private let bundle: String
    private let stateDirectory: String
    /// crun's id of the container; it differs from kata's, which may be anything.
    private let id: String
    private let processes = Lock(0)

    /// Writes the container's configuration. The sources of `mounts` are on this machine.
    init(
        _ program: String, _ image: UnpackedImage, _ spec: OCISpec, _ plan: ProcessPlan, mounts: [ContainerMount],
        number: Int
    ) throws {
        self.program = program
        bundle = image.bundle
        stateDirectory = image.bundle + "/state"
        id = "container-\(number)"
        let configuration = Self.configuration(image.configuration, spec, plan, mounts)
        try DurableFile.write(JSONValue.object(configuration).encoded(), to: bundle + "/config.json")
    }

    /// The command that runs the first process. It ends with it, and forwards signals to it.
    var first: (executable: String, arguments: [String]) { command(["run", "--bundle", bundle, id]) }

    /// The command that runs a further process.
    func further(_ plan: ProcessPlan) throws -> (executable: String, arguments: [String]) {
        let number = processes.withLock { number in
            number += 1
            return number
        }
        let file = "\(bundle)/process-\(number).json"
        try DurableFile.write(JSONValue.object(Self.process(JSONObject(), plan)).encoded(), to: file)
        return command(["exec", "--process", file, id])
    }

    /// Removes what crun keeps about the container, and what is left of its processes.
    func remove(by children: HelperProcesses) async {
        let (executable, arguments) = command(["delete", "--force", id])
        _ = try? await children.run(ChildProcess.Options(executable: executable, arguments: arguments))
    }

    private func command(_ arguments: [String]) -> (executable: String, arguments: [String]) {
        (program, ["--root", stateDirectory, "--cgroup-manager", "disabled"] + arguments)
    }

    /// The configuration that umoci derived from the image, with what the shim asks for.
    static func configuration(
        _ image: JSONObject, _ spec: OCISpec, _ plan: ProcessPlan, _ mounts: [ContainerMount]
    ) -> JSONObject {
        var configuration = image
        configuration["process"] = .object(process(image["process"]?.objectValue ?? JSONObject(), plan))
        configuration["root"] = ["path": "rootfs", "readonly": .bool(spec.root?.readOnly == true)]
        if !spec.hostname.isEmpty { configuration["hostname"] = .string(spec.hostname) }
        let own = Set(mounts.map(\.destination))
        let standard = (image["mounts"]?.arrayValue ?? []).filter { mount in
            let destination = mount["destination"]?.stringValue ?? ""
            // Without a control group there is nothing to mount; a bind mount would be of a file of this machine.
            return !own.contains(destination) && mount["type"] != "cgroup" && mount["type"] != "bind"
        }
        configuration["mounts"] = .array(standard + mounts.map(\.json))
        var linux = image["linux"]?.objectValue ?? JSONObject()
        for member in ["resources", "cgroupsPath", "uidMappings", "gidMappings"] { linux[member] = nil }
        // The network namespace is that of the process that starts crun.
        linux["namespaces"] = .array(["pid", "ipc", "uts", "mount"].map { ["type": .string($0)] })
        configuration["linux"] = .object(linux)
        return configuration
    }

    private static func process(_ image: JSONObject, _ plan: ProcessPlan) -> JSONObject {
        var process = image
        process["terminal"] = .bool(plan.hasTerminal)
        process["args"] = .array(plan.arguments.map(JSONValue.string))
        process["env"] = .array(plan.environment.map(JSONValue.string))
        process["cwd"] = .string(plan.workingDirectory.isEmpty ? "/" : plan.workingDirectory)
        process["user"] = [
            "uid": .integer(Int64(plan.user.uid)), "gid": .integer(Int64(plan.user.gid)),
            "additionalGids": .array(plan.user.groups.map { .integer(Int64($0)) }),
        ]
        process["noNewPrivileges"] = .bool(plan.isUnprivileged)
        return process
    }
}

extension ContainerMount {
    /// The mount in the form of an OCI configuration.
    fileprivate var json: JSONValue {
        var options = restrictions.contains(.readOnly) ? ["ro"] : ["rw"]
        for (restriction, word) in [(.noSetUID, "nosuid"), (.noDevices, "nodev"), (.noPrograms, "noexec")]
            as [(Mounts.Restrictions, String)] where restrictions.contains(restriction)
        { options.append(word) }
        switch content {
        case .bind(let source):
            return [
                "destination": .string(destination), "type": "bind", "source": .string(source),
                "options": .array((["rbind", "rprivate"] + options).map(JSONValue.string)),
            ]
        case .memory(let rest):
            options += rest.split(separator: ",").map(String.init)
            return [
                "destination": .string(destination), "type": "tmpfs", "source": "tmpfs",
                "options": .array(options.map(JSONValue.string)),
            ]
        }
    }
}
