import Configuration
import LinuxIO
import TestSupport
import Testing

@Suite("peerpodctl as a plugin of kubectl")
struct KubectlPluginTests {
    private static let tests = Files.parent(of: Files.parent(of: #filePath))
    private static let kubectl =
        ["\(Files.parent(of: tests))/.build/peers/kubernetes/kubectl", "/usr/bin/kubectl"].first(
            where: Files.isExecutable)
    private static let peerpodctl = Files.parent(of: SystemInfo.executablePath) + "/peerpodctl"

    private func run(_ arguments: [String], in directory: TemporaryDirectory) async throws -> ProgramRun {
        var options = ChildProcess.Options(executable: try #require(Self.kubectl), arguments: arguments)
        options.environment = ["PATH": "\(directory.path):/usr/bin:/bin", "HOME": directory.path]
        return try await onLoop { [options] loop in try await ProgramRun.of(options, on: loop) }
    }

    @Test(
        "runs as kubectl peerpods under the name kubectl-peerpods, and completes its commands",
        .enabled(if: Self.kubectl != nil, "needs kubectl, which scripts/setup test gets from PyPI"))
    func plugin() async throws {
        let directory = try TemporaryDirectory()
        try Files.link(Self.peerpodctl, at: directory.path + "/kubectl-peerpods")
        let version = try await run(["peerpods", "version"], in: directory)
        #expect(version.text == "peerpodctl \(ProjectVersion.text)\n", "\(version.errorText)")
        let check = try await run(["peerpods", "check", "cluster", "-kubeconfig", "/none"], in: directory)
        #expect(check.status == .exited(125))
        #expect(check.errorText.contains("/none"))
        // What docs/tools.md says about completion.
        _ = try directory.write(
            "#!/bin/sh\nexec \(Self.peerpodctl) __complete \"$@\"\n", to: "kubectl_complete-peerpods")
        try Files.setPermissions(0o755, of: directory.path + "/kubectl_complete-peerpods")
        let completion = try await run(["__complete", "peerpods", "check", "n"], in: directory)
        #expect(completion.text.contains("node\tcheck whether this node can run peer pods"), "\(completion.text)")
    }
}
