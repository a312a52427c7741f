import LinuxIO
import TestSupport
import Testing

@testable import Kubernetes

@Suite("The record of the cluster's identity")
struct ClusterIdentityRecordTests {
    private static let cluster = ClusterIdentity("uid-1", from: .kubeSystem)
    private static let other = ClusterIdentity("uid-2", from: .kubeSystem)
    private static let machine = ClusterIdentity("hash", from: .machineID)

    private func chosen(
        _ directory: TemporaryDirectory, found: ClusterIdentity?, recorded: ClusterIdentity?, hasSandbox: Bool
    ) throws -> (used: String, instead: String?) {
        let record = ClusterIdentityRecord(podsDirectory: directory.path)
        if let recorded { try record.write(recorded) }
        if hasSandbox { try Files.makeDirectories(directory.path + "/0123456789abcdef") }
        let choice = record.choice(found: found) { Self.machine }
        return (choice.identity.value, choice.keptInstead?.value)
    }

    @Test("the first start uses what it finds, or else the machine's identity")
    func first() throws {
        #expect(try chosen(TemporaryDirectory(), found: Self.cluster, recorded: nil, hasSandbox: false).used == "uid-1")
        #expect(try chosen(TemporaryDirectory(), found: nil, recorded: nil, hasSandbox: false).used == "hash")
    }

    @Test("an identity of the cluster stays when the API server is away")
    func away() throws {
        let choice = try chosen(TemporaryDirectory(), found: nil, recorded: Self.cluster, hasSandbox: false)
        #expect(choice.used == "uid-1")
    }

    @Test("while there are sandboxes, the identity does not change; without them it does")
    func kept() throws {
        let kept = try chosen(TemporaryDirectory(), found: Self.cluster, recorded: Self.machine, hasSandbox: true)
        #expect(kept.used == "hash" && kept.instead == "uid-1")
        let changed = try chosen(TemporaryDirectory(), found: Self.other, recorded: Self.cluster, hasSandbox: false)
        #expect(changed.used == "uid-2" && changed.instead == nil)
        let machine = try chosen(TemporaryDirectory(), found: nil, recorded: Self.machine, hasSandbox: true)
        #expect(machine.used == "hash")
    }

    @Test(
        "a record that cannot be read counts as none", arguments: ["", "{", "{}", #"{"cluster":"a b","source":"x"}"#])
    func damaged(text: String) throws {
        let directory = try TemporaryDirectory()
        _ = try directory.write(text, to: ClusterIdentityRecord.name)
        #expect(ClusterIdentityRecord(podsDirectory: directory.path).identity == nil)
    }
}
