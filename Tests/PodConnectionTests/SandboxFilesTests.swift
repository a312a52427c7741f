import LinuxIO
import TLS
import Telemetry
import TestSupport
import Testing

@testable import PodConnection

@Suite("A sandbox's files")
struct SandboxFilesTests {
    private let temporary: TemporaryDirectory
    private var sandbox: String { temporary.path + "/sandbox" }
    private var victim: String { temporary.path + "/victim" }
    private static let names = ["agent.ttrpc", "identity.json", "user-data"]

    init() throws {
        temporary = try TemporaryDirectory()
        try Files.makeDirectory(sandbox)
        try Files.makeDirectory(victim)
        for name in Self.names { try DurableFile.write([7], to: "\(victim)/\(name)") }
    }

    private func expectVictimIsWhole(_ location: SourceLocation = #_sourceLocation) throws {
        #expect(try Files.list(victim) == Self.names, sourceLocation: location)
        for name in Self.names {
            #expect(try DurableFile.read("\(victim)/\(name)", limit: 10) == [7], sourceLocation: location)
        }
    }

    @Test("are written, read and removed")
    func wholeLife() throws {
        let files = SandboxFiles(in: sandbox)
        var keys = TunnelKeys(serverName: "vm")
        keys.client = CertifiedKey(certificate: "certificate", key: Secret("key"))
        try files.write(keys)
        try files.write(userData: "text")
        #expect(try files.readKeys().serverName == "vm")
        #expect(try files.readUserData() == "text")
        for name in ["identity.json", "user-data"] { #expect(Files.permissions("\(sandbox)/\(name)") == 0o600) }
        try files.removeUserData()
        #expect(try Files.list(sandbox) == ["identity.json"])
        files.removeAll()
        #expect(try Files.list(sandbox) == [])
    }

    @Test("replace links, and never follow them")
    func links() throws {
        let files = SandboxFiles(in: sandbox)
        for name in Self.names {
            try Files.link("\(victim)/\(name)", at: "\(sandbox)/\(name)")
            try Files.link("\(victim)/\(name)", at: "\(sandbox)/\(name).new")
        }
        #expect(throws: FileError.self) { _ = try files.readKeys() }
        #expect(throws: FileError.self) { _ = try files.readUserData() }
        try files.write(TunnelKeys(serverName: "vm"))
        try files.write(userData: "text")
        try expectVictimIsWhole()
        files.removeAll()
        #expect(try Files.list(sandbox) == ["agent.ttrpc.new"])
        try expectVictimIsWhole()
    }

    @Test("are neither written nor removed where a link replaces the directory")
    func linkedDirectory() async throws {
        try Files.removeTree(sandbox)
        try Files.link(victim, at: sandbox)
        let files = SandboxFiles(in: sandbox)
        #expect(throws: FileError.self) { try files.write(TunnelKeys(serverName: "vm")) }
        #expect(throws: FileError.self) { try files.write(userData: "text") }
        #expect(throws: FileError.self) { try files.removeUserData() }
        files.removeAll()
        await #expect(throws: FileError.self) { try await SandboxNetworkRecord.remove(in: sandbox) }
        try expectVictimIsWhole()
    }

    @Test("are not read from a directory that others can write")
    func writableDirectory() throws {
        try SandboxFiles(in: sandbox).write(userData: "text")
        try Files.setPermissions(0o777, of: sandbox)
        #expect(throws: FileError.self) { _ = try SandboxFiles(in: sandbox).readUserData() }
    }
}
