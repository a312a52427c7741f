import LinuxIO
import TestSupport
import Testing

@testable import FakeCloud

@Suite("The fake Azure's directory")
struct LocalAzureTests {
    @Test("is refused, with what to do, when other users can write it: VMs run, and are removed, as this user")
    func writable() async throws {
        let root = try Files.makeTemporaryDirectory(prefix: "/tmp/azure-state-")
        defer { try? Files.removeTree(root) }
        try await onLoop { loop in
            for place in [root, "\(root)/state"] {
                try Files.makeDirectories("\(root)/state")
                try Files.setPermissions(0o777, of: place)
                var options = LocalAzureOptions()
                options.stateDirectory = "\(root)/state"
                let error = #expect(throws: LocalAzureError.self) { _ = try LocalAzure(options, on: loop) }
                #expect(
                    error?.description.contains("\(place) can be written by other users") == true, "\(error as Any)")
                #expect(try Files.list("\(root)/state") == [])
                try Files.setPermissions(0o700, of: place)
            }
        }
    }
}
