internal import LinuxIO

/// Writes the files of user data, and of the initdata in it, into the guest, at the paths from which its daemons read
/// them.
///
/// The order is fixed: everything is checked, then the initdata is measured, then files are written. The first failure
/// ends it.
public struct Provisioner: Sendable {
    /// The result of provisioning.
    public struct Outcome: Equatable, Sendable {
        /// The paths of the written files, in the order of writing.
        public var written: [String] = []
        /// The files that the guest does not use, each by its name in warnings.
        public var skipped: [String] = []
    }

    /// What a guest's image decides. No user data can change it.
    public struct Rules: Sendable {
        /// Whether user data may contain the files that are ``GuestFile/isMeasured``. For guests that are not attested.
        public var allowsUnmeasured = false
        /// Whether user data must contain initdata.
        public var requiresInitdata = true
        /// The agent's policy if the initdata has none.
        public var defaultPolicy = AgentPolicy.denyAll

        /// The strict rules.
        public init() {}
    }

    /// The directory that replaces `/run/peerpod`.
    public let directory: String
    /// What the image decides.
    public let rules: Rules

    /// Provisions into `/run/peerpod`, or into `directory` for a simulated guest.
    public init(directory: String = GuestFile.directory, rules: Rules = Rules()) {
        self.directory = directory
        self.rules = rules
    }

    /// Checks the whole of `userData` (a cloud-config, or its base64), measures its initdata, then writes all files.
    ///
    /// `measure` gets the digest of the initdata, or nil if there is none; it throws if the guest may not start. It is
    /// called once, when all checks have succeeded and before any file is written. If a write fails, the files written
    /// before are removed. Each write is atomic. apf.json is required, because no forwarder starts without it. It is
    /// written last, so all other files exist before it. A guest that has it is provisioned and is refused.
    ///
    /// - Throws: ``BootError``, or what `measure` throws.
    public func provision(userData: [UInt8], measure: (_ digest: [UInt8]?) throws -> Void) throws -> Outcome {
        guard !Files.exists("\(directory)/\(GuestFile.bootDocument.rawValue)") else {
            throw BootError(
                .notAllowed, "provisioning", "this VM is provisioned already: \(directory) has an apf.json",
                advice: "create another VM; a VM is provisioned once, before its first program")
        }
        let plan = try ProvisioningPlan(UserData.cloudConfig(in: userData), rules)
        try measure(plan.initdataDigest)
        return Outcome(written: try write(plan.files), skipped: plan.skipped)
    }

    private func write(_ files: [ProvisioningPlan.File]) throws(BootError) -> [String] {
        do throws(SystemCallError) {
            try Files.makeDirectories(directory, mode: 0o755)
        } catch {
            throw Self.refused(error)
        }
        var written: [String] = []
        for file in files {
            let path = "\(directory)/\(file.name)"
            do throws(SystemCallError) {
                try DurableFile.write(file.content, to: path, mode: file.mode)
            } catch {
                // A removal fails only if the file system is broken. The first error has the reason.
                for path in written { try? DurableFile.remove(path) }
                throw Self.refused(error)
            }
            written.append(path)
        }
        return written
    }

    private static func refused(_ error: SystemCallError) -> BootError {
        BootError(
            .inputOutput, "provisioning", "\(error)",
            advice: "nothing was provisioned; check that the directory is writable and its file system has free space")
    }
}
