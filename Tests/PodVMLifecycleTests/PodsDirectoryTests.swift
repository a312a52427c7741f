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

    @Test("keeps each record in its own directory, which only its owner can read")
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

    @Test("removes a sandbox's directory with its content, any number of times")
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

    @Test("reports a record that it cannot parse, and does not change it")
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

    @Test("removes what a crash before the first record left")
    func leftovers() async throws {
        try await withDirectory { pods in
            try Files.makeDirectories("\(pods.path)/empty")
            try Files.makeDirectories("\(pods.path)/half")
            try DurableFile.write([1], to: "\(pods.path)/half/record.json.new")
            #expect(try await pods.load().records.isEmpty)
            #expect(try Files.list(pods.path).isEmpty)
        }
    }

    @Test("counts the directories of a Go adaptor, and does not change them")
    func goAdaptor() async throws {
        try await withDirectory { pods in
            for (id, files) in [("go-1", ["apf.json", "agent.ttrpc"]), ("go-2", ["apf.json"])] {
                try Files.makeDirectories("\(pods.path)/\(id)")
                for file in files { try DurableFile.write([1], to: "\(pods.path)/\(id)/\(file)") }
            }
            let loaded = try await pods.load()
            #expect(loaded.goDirectories == 2)
            #expect(loaded.records.isEmpty && loaded.unreadable.isEmpty)
            #expect(try Files.list("\(pods.path)/go-1") == ["agent.ttrpc", "apf.json"])
            #expect(try Files.list("\(pods.path)/go-2") == ["apf.json"])
        }
    }

    @Test("does not change a directory that is not a sandbox's")
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

    /// A directory outside, with files of the names that ours have.
    private func makeVictim(beside pods: PodsDirectory) throws -> String {
        let victim = "\(Files.parent(of: pods.path))/victim"
        try Files.makeDirectories("\(victim)/nested")
        for name in ["record.json", "nested/file"] { try DurableFile.write([7], to: "\(victim)/\(name)") }
        return victim
    }

    private func expectIsWhole(_ victim: String, _ location: SourceLocation = #_sourceLocation) throws {
        #expect(try Files.list(victim) == ["nested", "record.json"], sourceLocation: location)
        for name in ["record.json", "nested/file"] {
            #expect(try DurableFile.read("\(victim)/\(name)", limit: 9) == [7], sourceLocation: location)
        }
    }

    @Test("writes, reads and removes nothing through a link, at any place in a sandbox's directory")
    func links() async throws {
        try await withDirectory { pods in
            let victim = try makeVictim(beside: pods)
            for id in ["inside", "record", "temporary"] { try await pods.create(record(id)) }
            try Files.link(victim, at: "\(pods.path)/place")
            try Files.link(victim, at: "\(pods.path)/inside/directory")
            try Files.makeDirectory("\(pods.path)/inside/nested")
            try Files.link(victim, at: "\(pods.path)/inside/nested/directory")
            try Files.removeTree("\(pods.path)/record/record.json")
            try Files.link("\(victim)/record.json", at: "\(pods.path)/record/record.json")
            try Files.link("\(victim)/record.json", at: "\(pods.path)/temporary/record.json.new")
            let loaded = try await pods.load()
            #expect(loaded.records.map(\.id.rawValue) == ["inside", "temporary"])
            #expect(loaded.unreadable.keys.map(\.rawValue).sorted() == ["place", "record"])
            #expect(loaded.unreadable.values.allSatisfy { $0.contains("is a symbolic link") }, "\(loaded.unreadable)")
            for id in ["inside", "record", "temporary"] { try await pods.write(record(id), toSurvive: .firstPowerCut) }
            for id in ["place"] {
                await #expect(throws: RecordError.self) { try await pods.create(record(id)) }
                await #expect(throws: RecordError.self) { try await pods.write(record(id), toSurvive: .powerCut) }
            }
            try expectIsWhole(victim)
            for id in ["place", "inside", "record", "temporary"] { try await pods.remove(record(id).id) }
            #expect(try Files.list(pods.path).isEmpty)
            try expectIsWhole(victim)
        }
    }

    @Test("continues to use the directory that it opened at the start")
    func exchanged() async throws {
        try await withDirectory { pods in
            let victim = try makeVictim(beside: pods)
            try await pods.create(record("nested"))
            try Files.move(pods.path, to: "\(pods.path).moved")
            try Files.link(victim, at: pods.path)
            try await pods.write(record("nested"), toSurvive: .powerCut)
            #expect(try await pods.load().records.map(\.id.rawValue) == ["nested"])
            try await pods.remove(record("nested").id)
            #expect(try Files.list("\(pods.path).moved").isEmpty)
            try expectIsWhole(victim)
        }
    }

    @Test("is refused when other users can write or replace it, and the error says what to do")
    func untrusted() async throws {
        for place in ["", "/pods"] {
            try await withDirectory { pods in
                try Files.makeDirectories(pods.path)
                try Files.setPermissions(0o777, of: Files.parent(of: pods.path) + place)
                let error = await #expect(throws: RecordError.self) { try await pods.load() }
                #expect(error?.description.contains("can be written by other users") == true)
                await #expect(throws: RecordError.self) { try await pods.create(record("a")) }
                try Files.setPermissions(0o700, of: Files.parent(of: pods.path) + place)
            }
        }
    }

    @Test("does not read or change a sandbox's directory that other users can write")
    func writableSandbox() async throws {
        try await withDirectory { pods in
            try await pods.create(record("a"))
            try Files.setPermissions(0o722, of: "\(pods.path)/a")
            #expect(try await pods.load().unreadable.keys.map(\.rawValue) == ["a"])
            #expect(try Files.list("\(pods.path)/a") == ["record.json"])
        }
    }

    @Test("keeps a sandbox whose record is empty or cut off: a power cut came before its sync, or its content was lost")
    func emptied() async throws {
        try await withDirectory { pods in
            for (id, content) in [
                ("cut", Array("{\n  \"version\": 2".utf8)), ("empty", []), ("zeros", [UInt8](repeating: 0, count: 300)),
            ] {
                try await pods.create(record(id))
                try DurableFile.write(content, to: "\(pods.path)/\(id)/record.json")
                try DurableFile.write([], to: "\(pods.path)/\(id)/identity.json")
            }
            let loaded = try await pods.load()
            #expect(loaded.records.isEmpty)
            #expect(loaded.unsynced.map(\.rawValue).sorted() == ["cut", "empty", "zeros"])
            #expect(loaded.unreadable.values.count { $0.contains("is empty") } == 2 && loaded.unreadable.count == 3)
            #expect(try Files.list(pods.path) == ["cut", "empty", "zeros"])
        }
    }

    @Test("marks a sandbox as stopped, whether its record can be read or not; one without a directory needs no mark")
    func stopMark() async throws {
        try await withDirectory { pods in
            for id in ["a", "broken", "other"] { try await pods.create(record(id)) }
            try DurableFile.write(Array("{".utf8), to: "\(pods.path)/broken/record.json")
            for id in ["a", "broken", "stranger"] { try await pods.markStopped(record(id).id) }
            #expect(try await pods.load().stopped.map(\.rawValue).sorted() == ["a", "broken"])
            #expect(try Files.list(pods.path) == ["a", "broken", "other"])
        }
    }

    @Test("reports when the directory does not exist and cannot be created")
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
