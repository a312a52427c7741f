import KataProtocol
import LinuxIO
import PeerPodProtocol
import PodVMLifecycle
import TTRPC
import TestSupport
import Testing

@testable import Gateway

@Suite("StopVM at the gateway")
struct StopCallTests {
    private static func stop(_ id: String, in rig: Rig, timeout: Duration = .seconds(60)) async throws {
        _ = try await rig.shim { try await $0.call(Hypervisor.stopVM, .with { $0.id = id }, timeout: timeout) }
    }

    @Test("without an adaptor is answered, and the next adaptor learns of it, also after it has restarted")
    func marked() async throws {
        try await Rig.run { rig in
            for id in ["a", "b"] { try rig.makeSandbox(id) }
            try await Self.stop("b", in: rig)
            #expect(Files.exists("\(rig.pods)/b/stopped") && !Files.exists("\(rig.pods)/a/stopped"))
            for name in ["first", "second"] {
                let adaptor = try await TestAdaptor(name, in: rig)
                try await eventually(on: rig.loop) { adaptor.stopped == ["b"] }
                adaptor.kill()
            }
        }
    }

    @Test("without an adaptor succeeds for a sandbox that has no directory")
    func unknown() async throws {
        try await Rig.run { rig in
            try await Self.stop("unknown", in: rig)
            #expect(try Files.list(rig.pods).isEmpty)
        }
    }

    @Test("is the adaptor's, if the adaptor answers")
    func answered() async throws {
        try await Rig.run { rig in
            try rig.makeSandbox("a")
            _ = try await TestAdaptor("a", in: rig) { call, _ in
                if call.method == "StopVM" { throw Status(.internal, "the disk is full") }
                return []
            }
            let error = await #expect(throws: Status.self) { try await Self.stop("a", in: rig) }
            #expect(error?.message == "the disk is full")
            #expect(try Files.list("\(rig.pods)/a").isEmpty)
        }
    }

    @Test("of an adaptor that does not answer is answered, and the adaptor is told to stop the sandbox")
    func silent() async throws {
        try await Rig.run { rig in
            try rig.makeSandbox("a")
            let adaptor = try await TestAdaptor("a", in: rig) { _, _ in
                await Event().wait()
                return []
            }
            try await Self.stop("a", in: rig)
            try await eventually(on: rig.loop) { adaptor.stopped == ["a"] }
            #expect(Files.exists("\(rig.pods)/a/stopped"))
        }
    }

    @Test("waits for an adaptor when the mark cannot be written")
    func unwritable() async throws {
        try await Rig.run { rig in
            // A link is not a sandbox's directory.
            try rig.makeSandbox("elsewhere")
            try Files.link("elsewhere", at: "\(rig.pods)/a")
            let error = await #expect(throws: Status.self) {
                try await Self.stop("a", in: rig, timeout: .milliseconds(100))
            }
            #expect(error?.code == .deadlineExceeded)
            #expect(try Files.list("\(rig.pods)/elsewhere").isEmpty)
            _ = try await TestAdaptor("a", in: rig) { _, _ in [] }
            try await Self.stop("a", in: rig)
        }
    }
}
