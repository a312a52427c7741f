import LinuxIO
import PodVMLifecycle
import Testing

@testable import PodVMLifecycle

@Suite("Pods directory")
struct PodsDirectoryTests {
    private func withDirectory(_ body: (PodsDirectory) async throws -> Void) async throws {
        let path = try Files.makeTemporaryDirectory(prefix: "/tmp/pods-")
        defer { try? Files.removeTree(path) }
        try await body(PodsDirectory(path: "\(path)/pods"))
    }

    private func record(_ id: String) throws -> SandboxRecord {
        SandboxRecord(try request(id), vm: InstanceID(rawValue: "podvm-a-1"), created: 1)
    }

    @Test("keeps each record in a directory of its own, for its owner's eyes only")
    func writeAndLoad() async throws {
        try await withDirectory { pods in
            for id in ["a", "b"] {
                let record = try record(id)
                try await pods.create(record)
            }
            #expect(try await pods.load().records == [record("a"), record("b")])
            #expect(Files.permissions("\(pods.path)/a") == 0o700)
            #expect(Files.permissions("\(pods.path)/a/record.json") == 0o600)
        }
    }

    @Test("removes a sandbox's directory with all that is in it, any number of times")
    func remove() async throws {
        try await withDirectory { pods in
            let record = try record("a")
            try await pods.create(record)
            try Files.makeDirectory("\(pods.path)/a/keys")
            try DurableFile.write([1], to: "\(pods.path)/a/keys/client.key")
            try await pods.remove(record.id)
            try await pods.remove(record.id)
            #expect(try Files.list(pods.path).isEmpty)
        }
    }

    @Test("names a record that it cannot read, and leaves it alone")
    func unreadable() async throws {
        try await withDirectory { pods in
            for id in ["broken", "newer", "good", "foreign", "huge"] {
                let record = try record(id)
                try await pods.create(record)
            }
            try DurableFile.write(Array("{".utf8), to: "\(pods.path)/broken/record.json")
            try DurableFile.write(Array("{\"version\": 99}".utf8), to: "\(pods.path)/newer/record.json")
            try DurableFile.write(try record("good").encoded, to: "\(pods.path)/foreign/record.json")
            try DurableFile.write([UInt8](repeating: 32, count: 1 << 17), to: "\(pods.path)/huge/record.json")
            let loaded = try await pods.load()
            #expect(loaded.records.map(\.id.rawValue) == ["good"])
            #expect(loaded.unreadable.keys.map(\.rawValue).sorted() == ["broken", "foreign", "huge", "newer"])
            #expect(loaded.unreadable.values.allSatisfy { $0.contains("record.json") })
            #expect(try Files.list(pods.path).count == 5)
        }
    }

    @Test("clears away what a crash before the first record left")
    func leftovers() async throws {
        try await withDirectory { pods in
            try Files.makeDirectories("\(pods.path)/empty")
            try Files.makeDirectories("\(pods.path)/half")
            try DurableFile.write([1], to: "\(pods.path)/half/record.json.new")
            #expect(try await pods.load().records.isEmpty)
            #expect(try Files.list(pods.path).isEmpty)
        }
    }

    @Test("touches no directory that is not its own")
    func foreignDirectories() async throws {
        try await withDirectory { pods in
            try Files.makeDirectories("\(pods.path)/etc/ssh")
            try Files.makeDirectories("\(pods.path)/.hidden")
            try DurableFile.write([1], to: "\(pods.path)/file")
            let loaded = try await pods.load()
            #expect(loaded.records.isEmpty)
            #expect(loaded.unreadable.keys.map(\.rawValue) == ["etc"])
            await #expect(throws: RecordError.self) { try await pods.create(record("etc")) }
            #expect(Files.isDirectory("\(pods.path)/etc/ssh"))
            #expect(try Files.list(pods.path) == [".hidden", "etc", "file"])
        }
    }

    @Test("says so when there is no such directory and none can be made")
    func unusable() async throws {
        try await withDirectory { pods in
            try Files.makeDirectories(Files.parent(of: pods.path))
            try DurableFile.write([1], to: pods.path)
            let error = await #expect(throws: RecordError.self) { try await pods.load() }
            #expect(error?.description.contains(pods.path) == true)
            await #expect(throws: RecordError.self) { try await pods.create(record("a")) }
        }
    }
}
