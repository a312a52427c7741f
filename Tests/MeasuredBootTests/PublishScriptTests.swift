import Encoding
import LinuxIO
import TestSupport
import Testing

@testable import MeasuredBoot

/// scripts/image-publish, with a program in the place of az that records how it is called.
@Suite("The script that publishes an image")
struct PublishScriptTests {
    private static let script: String = {
        let tests = Files.parent(of: Files.parent(of: #filePath))
        return Files.parent(of: tests) + "/scripts/image-publish"
    }()
    private static let names = [
        "--resource-group", "group", "--gallery", "gallery", "--storage-account", "account1", "--location",
        "westeurope",
        "--version", "1.2.3",
    ]

    private struct Rig {
        let directory: TemporaryDirectory
        var image: String { directory.path + "/pod-vm.vhd" }
        var calls: [String] {
            let text = (try? DurableFile.read(directory.path + "/calls", limit: 1 << 20)) ?? []
            return String(decoding: text, as: UTF8.self).split(separator: "\n").map { String($0) }
        }

        /// `failing`: the word of az's command that fails.
        init(failing: String = "none") throws {
            directory = try TemporaryDirectory()
            let footer = try VirtualHardDisk.footer(
                size: 2 << 20, identifier: [UInt8](repeating: 1, count: 16), created: 1_767_225_600)
            try Files.write([UInt8](repeating: 0, count: 2 << 20) + footer, to: image, at: 0)
            try Files.makeDirectory(directory.path + "/bin")
            let az = """
                #!/bin/sh
                echo "$*" >>'\(directory.path)/calls'
                case "$*" in *'\(failing)'*) exit 3 ;; esac
                """
            try Files.write(az.utf8, to: directory.path + "/bin/az", at: 0, mode: 0o755)
        }

        func run(_ arguments: [String]) async throws -> (end: ChildProcess.ExitStatus, output: String, error: String) {
            try await onLoop { [self] loop in
                var options = ChildProcess.Options(
                    executable: "/bin/bash", arguments: [PublishScriptTests.script] + arguments)
                // The script must not write to the logs of a run of scripts/test, of which this test may be a part.
                options.environment = [
                    "PATH": "\(directory.path)/bin:/usr/bin:/bin", "FAILURES_FILE": "\(directory.path)/failures",
                ]
                options.output = .pipe
                options.error = .pipe
                let child = try ChildProcess.start(options, on: loop)
                async let output = child.output?.readToEnd() ?? []
                async let error = child.error?.readToEnd() ?? []
                let texts = try await (output, error)
                return (
                    try await child.wait(), String(decoding: texts.0, as: UTF8.self),
                    String(decoding: texts.1, as: UTF8.self)
                )
            }
        }
    }

    @Test("prints the commands of a confidential VM's image, and runs none")
    func printed() async throws {
        let rig = try Rig()
        let result = try await rig.run(Self.names + ["--image", rig.image])
        #expect(result.end == .exited(0), "\(result.error)")
        let lines = result.output.split(separator: "\n")
        try #require(lines.count == 6)
        #expect(lines.allSatisfy { $0.hasPrefix("az ") })
        #expect(lines[1].contains("--features SecurityType=ConfidentialVmSupported"))
        #expect(lines[1].contains("--hyper-v-generation V2"))
        #expect(lines[4].contains("--type page"))
        #expect(
            lines[5].contains("--os-vhd-uri https://account1.blob.core.windows.net/pod-vm-images/peer-pod-vm-1.2.3.vhd")
        )
        #expect(rig.calls.isEmpty)
    }

    @Test("runs the commands that it prints, in their order, for all regions")
    func run() async throws {
        let rig = try Rig()
        let more = ["--image", rig.image, "--location", "eastus", "--security-type", "ConfidentialVM", "--run"]
        let result = try await rig.run(Self.names + more)
        #expect(result.end == .exited(0), "\(result.error)")
        #expect(result.output.split(separator: "\n").map { String($0.dropFirst(3)) } == rig.calls)
        #expect(rig.calls.count == 7)
        #expect(rig.calls[1].contains("SecurityType=ConfidentialVM"))
        #expect(rig.calls[5].contains("--target-regions westeurope eastus "))
    }

    @Test("stops at the first command that fails")
    func failing() async throws {
        let rig = try Rig(failing: "storage container")
        let result = try await rig.run(Self.names + ["--image", rig.image, "--run"])
        #expect(result.end == .exited(1))
        #expect(rig.calls.count == 4)
        #expect(result.error.contains("this command failed"))
    }

    @Test(
        "refuses wrong names, versions and images before it does anything",
        arguments: [
            (["--version", "1.2"], "not a version such as 1.2.3"), (["--version", "01.2.3"], "not a version"),
            (["--gallery", "a b"], "not the name of a gallery"), (["--storage-account", "UPPER"], "storage account"),
            (["--security-type", "Standard"], "ConfidentialVmSupported or ConfidentialVM"),
            (["--location", "West Europe"], "a region such as westeurope"),
            (["--image", "/nowhere.vhd"], "there is no"),
            (["--image", "/bin/bash"], "is not a fixed VHD"), (["--bogus"], "unknown argument"),
            (["--version"], "needs a value"),
        ])
    func refusals(arguments: [String], words: String) async throws {
        let rig = try Rig()
        let result = try await rig.run(Self.names + ["--image", rig.image, "--run"] + arguments)
        #expect(result.end == .exited(1))
        #expect(result.error.contains(words), "\(result.error)")
        #expect(rig.calls.isEmpty)
    }

    @Test("publishes an image with a shell only on request")
    func debug() async throws {
        let rig = try Rig()
        let image = rig.directory.path + "/pod-vm-debug.vhd"
        try Files.move(rig.image, to: image)
        #expect(try await rig.run(Self.names + ["--image", image]).error.contains("--allow-debug"))
        #expect(try await rig.run(Self.names + ["--image", image, "--allow-debug"]).end == .exited(0))
    }
}
