import ForwarderRig
import LinuxIO
import NetworkRig
import TestSupport
import Testing

@testable import AgentProtocolForwarder

/// deploy/podvm and the units of the image's components, as the image of a pod VM has them.
@Suite("The pod VM's units")
struct UnitFilesTests {
    private static let directory: String = {
        let tests = Files.parent(of: Files.parent(of: #filePath))
        return Files.parent(of: tests) + "/deploy/podvm"
    }()
    private static let components = directory + "-image/components"
    private static let analyze = "/usr/bin/systemd-analyze"
    private static let canAnalyze = Files.isExecutable(analyze) && systemUnits != nil
    private static let systemUnits = ["/usr/lib/systemd/system", "/lib/systemd/system"].first {
        Files.exists("\($0)/basic.target")
    }

    /// The values of a unit's directive, in their order.
    private static func values(of key: String, in text: String) -> [String] {
        text.split(separator: "\n").filter { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.count + 1)) }
    }

    private static func read(_ path: String) throws -> String {
        String(decoding: try DurableFile.read(path, limit: 64 << 10), as: UTF8.self)
    }

    /// What systemd-analyze finds in an image that has the units, each enabled as its [Install] says; `change` may alter one.
    private func findings(_ change: (String, String) -> String = { $1 }) async throws -> String {
        let guest = try Guest()
        let (units, system) = ("\(guest.path)/etc/systemd/system", "\(guest.path)/usr/lib/systemd/system")
        for directory in [units, system] { try Files.makeDirectories(directory, mode: 0o755) }
        let source = try #require(Self.systemUnits)
        for name in try Files.list(source) where name.hasSuffix(".target") {
            try DurableFile.write(DurableFile.read("\(source)/\(name)", limit: 64 << 10), to: "\(system)/\(name)")
        }
        var names: [String] = []
        let sources = try [Self.directory, Self.components].flatMap { directory in
            try Files.list(directory).map { (name: $0, path: "\(directory)/\($0)") }
        }
        for (name, path) in sources {
            let text = change(name, try Self.read(path))
            try DurableFile.write(Array(text.utf8), to: "\(units)/\(name)", mode: 0o644)
            names.append(name.replacing("@.", with: "@podns."))
            for target in Self.values(of: "WantedBy", in: text) {
                try Files.makeDirectories("\(units)/\(target).wants", mode: 0o755)
                try Files.link("../\(name)", at: "\(units)/\(target).wants/\(name)")
            }
            for command in Self.values(of: "ExecStart", in: text) {
                let program = guest.path + command.prefix { $0 != " " }
                try Files.makeDirectories(Files.parent(of: program), mode: 0o755)
                try DurableFile.write([], to: program, mode: 0o755)
            }
        }
        try #require(names.count >= 5)
        let arguments = ["--root=\(guest.path)", "--man=no", "verify", "multi-user.target"] + names
        return try await onLoop { loop in
            var options = ChildProcess.Options(executable: Self.analyze, arguments: arguments)
            options.output = .null
            options.error = .pipe
            let child = try ChildProcess.start(options, on: loop)
            var text = ""
            while let bytes = try await child.error?.read(upTo: 4096), !bytes.isEmpty {
                text += String(decoding: bytes, as: UTF8.self)
            }
            let end = try await child.wait()
            return end == .exited(0) ? text : "\(end): \(text)"
        }
    }

    @Test(
        "have no ordering cycle and no directive that is unknown to systemd, when they are enabled as in an image",
        .enabled(if: canAnalyze, "needs Debian's systemd (scripts/setup test)"))
    func order() async throws { await #expect(try findings() == "") }

    @Test("start nothing of the pod without provisioning, and power the VM off when it fails")
    func failClosed() throws {
        let name = "agent-protocol-forwarder-provision.service"
        let provision = try Self.read("\(Self.directory)/\(name)")
        #expect(Self.values(of: "FailureAction", in: provision) == ["poweroff-force"])
        let followers = [
            "\(Self.directory)/agent-protocol-forwarder.service", "\(Self.components)/kata-agent.service",
            "\(Self.components)/attestation-agent.service", "\(Self.components)/confidential-data-hub.service",
            "\(Self.components)/api-server-rest.service",
        ]
        for path in followers {
            let text = try Self.read(path)
            for key in ["Requires", "After"] {
                #expect(Self.values(of: key, in: text).contains { $0.contains(name) }, "\(path): \(key)")
            }
        }
        for path in followers + ["\(Self.directory)/\(name)"] {
            let text = try Self.read(path)
            #expect(!text.contains("=-"), "\(path) ignores a failure or a missing file")
        }
    }

    @Test("of the guest's components start in upstream's order: attestation, secrets, then the agent")
    func componentOrder() throws {
        let order = ["attestation-agent", "confidential-data-hub", "kata-agent"]
        for (first, next) in Array(zip(order, order.dropFirst())) + [(order[1], "api-server-rest")] {
            let text = try Self.read("\(Self.components)/\(next).service")
            #expect(Self.values(of: "After", in: text).contains { $0.contains("\(first).service") }, "\(next)")
        }
        let rest = try Self.read("\(Self.components)/api-server-rest.service")
        #expect(Self.values(of: "NetworkNamespacePath", in: rest) == ["/run/netns/podns"])
        #expect(Self.values(of: "ExecStart", in: rest).allSatisfy { $0.hasSuffix("--features=resource") })
        let attestation = try Self.read("\(Self.components)/attestation-agent.service")
        #expect(!attestation.contains("--initdata"), "only the provisioning extends PCR 8")
    }

    @Test(
        "systemd-analyze would find a cycle and an unknown directive",
        .enabled(if: canAnalyze, "needs Debian's systemd (scripts/setup test)"))
    func faults() async throws {
        let forwarder = "agent-protocol-forwarder"
        let cycle = try await findings { name, text in
            let before = "Before=\(forwarder).service"
            return name == "\(forwarder)-provision.service"
                ? text.replacing(before, with: "\(before) \(forwarder).path") : text
        }
        #expect(cycle.contains("Found ordering cycle"))
        await #expect(try findings { $0 == "netns@.service" ? $1 + "\nNoSuchThing=1\n" : $1 }.contains("NoSuchThing"))
    }

    @Test(
        "the loopback interface of a pod's namespace is up from the start",
        .enabled(if: canMakeNamespaces, "needs CAP_NET_ADMIN and CAP_SYS_ADMIN"))
    func loopback() throws {
        let unit = try Self.read("\(Self.directory)/netns@.service")
        let name = "unit-test-\(ProcessTree.current)"
        let here = try NetworkNamespace.ofThisProcess()
        #expect(Self.values(of: "PrivateNetwork", in: unit) == ["yes"], "systemd makes the namespace, and brings lo up")
        /// Runs a command of the unit as systemd does: `%%` is a percent sign.
        func run(_ key: String, in namespace: NetworkNamespace) throws {
            for command in Self.values(of: key, in: unit.replacing("\\\n", with: "")) {
                try Lab.command(command.replacing("%i", with: name).replacing("%%", with: "%"), in: namespace)
            }
        }
        let made = try NetworkNamespace.make()
        try Lab.command("ip link set lo up", in: made)
        try run("ExecStart", in: made)
        defer { _ = try? run("ExecStop", in: made) }
        #expect(try Lab.command("ip -n \(name) -o link show lo", in: here).contains(",UP"))
        // Starting it again leaves it as it is.
        try run("ExecStart", in: here)
        #expect(try Lab.command("ip netns exec \(name) ping -c 1 -W 5 127.0.0.1", in: here).contains("1 received"))
    }
}
