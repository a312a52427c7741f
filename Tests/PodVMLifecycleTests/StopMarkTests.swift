import LinuxIO
import PodVMLifecycle
import Testing

@testable import PodVMLifecycle

@Suite("Stop marks")
struct StopMarkTests {
    private func withPods(_ body: (PodsDirectory, SandboxID) async throws -> Void) async throws {
        let path = try Files.makeTemporaryDirectory(prefix: "/tmp/marks-")
        defer { try? Files.removeTree(path) }
        try await body(PodsDirectory(path: "\(path)/pods"), try request("a").id)
    }

    @Test("are found by the next adaptor, with the record")
    func write() async throws {
        try await withPods { pods, id in
            let record = SandboxRecord(try request("a"), vm: InstanceID(rawValue: "podvm-a-1"), created: 1)
            try await pods.create(record)
            #expect(try await pods.load().stopped.isEmpty)
            for _ in 0..<2 { #expect(try StopMark.write(for: id, in: pods.path)) }
            #expect(try StopMark.all(in: pods.path) == [id])
            let loaded = try await pods.load()
            #expect(loaded.records == [record] && loaded.stopped == [id])
            try await pods.remove(id)
            #expect(try StopMark.all(in: pods.path).isEmpty)
        }
    }

    @Test("are not written for a sandbox without a directory, nor without a pods directory")
    func unknown() async throws {
        try await withPods { pods, id in
            #expect(try !StopMark.write(for: id, in: pods.path))
            #expect(try StopMark.all(in: pods.path).isEmpty)
            try Files.makeDirectory(pods.path)
            #expect(try !StopMark.write(for: id, in: pods.path))
            #expect(try Files.list(pods.path).isEmpty)
        }
    }

    @Test("alone in a directory are no sandbox")
    func withoutRecord() async throws {
        try await withPods { pods, id in
            try Files.makeDirectories("\(pods.path)/a")
            #expect(try StopMark.write(for: id, in: pods.path))
            let loaded = try await pods.load()
            #expect(loaded.records.isEmpty && loaded.stopped.isEmpty && loaded.unreadable.isEmpty)
            #expect(try Files.list(pods.path).isEmpty)
        }
    }

    @Test("are not written through links")
    func links() async throws {
        try await withPods { pods, id in
            try Files.makeDirectories("\(pods.path)/elsewhere")
            try Files.link("elsewhere", at: "\(pods.path)/a")
            #expect(throws: FileError.self) { try StopMark.write(for: id, in: pods.path) }
            #expect(try Files.list("\(pods.path)/elsewhere").isEmpty)
        }
    }
}
