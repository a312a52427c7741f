import LinuxIO
import PodVMLifecycle
import Testing

@testable import PodVMLifecycle

@Suite("Lock on the pods directory")
struct PodsDirectoryLockTests {
    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let path = try Files.makeTemporaryDirectory(prefix: "/tmp/pods-")
        defer { try? Files.removeTree(path) }
        try await body("\(path)/pods")
    }

    @Test("belongs to one process at a time; the error names the directory and says what to do")
    func exclusive() async throws {
        try await withDirectory { path in
            var first: PodsDirectoryLock? = try PodsDirectoryLock.take(path)
            #expect(first != nil)
            #expect(Files.permissions(path) == 0o700)
            let error = #expect(throws: LifecycleError.self) { _ = try PodsDirectoryLock.take(path) }
            #expect(error?.message.contains("\(path) is in use by another cloud-api-adaptor") == true)
            #expect(error?.message.contains("-pods-dir") == true)
            first = nil
            _ = try PodsDirectoryLock.take(path)
        }
    }

    @Test("is never treated as a sandbox")
    func hidden() async throws {
        let path = try Files.makeTemporaryDirectory(prefix: "/tmp/pods-")
        defer { try? Files.removeTree(path) }
        let lock = try PodsDirectoryLock.take(path)
        let loaded = try await PodsDirectory(path: path).load()
        #expect(loaded.records.isEmpty && loaded.unreadable.isEmpty)
        withExtendedLifetime(lock) {}
    }

    @Test("does not follow a link out of the directory")
    func link() async throws {
        try await withDirectory { path in
            try Files.makeDirectories(path)
            try Files.link("\(path)-elsewhere", at: "\(path)/.lock")
            let error = #expect(throws: LifecycleError.self) { _ = try PodsDirectoryLock.take(path) }
            #expect(error?.message.contains("Check -pods-dir") == true)
            #expect(!Files.exists("\(path)-elsewhere"))
        }
    }
}
