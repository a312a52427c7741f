import Glibc
import LinuxIO

/// The names that disappear from a directory, as inotify(7) reports them: a test need not look for them all the time.
struct RemovalWatch: ~Copyable {
    private let fd: OwnedFD

    /// - Throws: `SystemCallError`.
    init(_ directory: String) throws {
        let number = inotify_init1(CInt(IN_NONBLOCK | IN_CLOEXEC))
        guard number >= 0 else { throw SystemCallError(call: "inotify_init1", errno: errno, subject: "") }
        let fd = OwnedFD(owning: number)
        guard unsafe inotify_add_watch(number, directory, UInt32(IN_DELETE | IN_MOVED_FROM)) >= 0 else {
            throw SystemCallError(call: "inotify_add_watch", errno: errno, subject: directory)
        }
        self.fd = fd
    }

    /// The names that were removed, or renamed to another name, since the last call.
    ///
    /// - Throws: `SystemCallError`.
    func removedNames() throws -> Set<String> {
        var names: Set<String> = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(fd.rawValue, $0.baseAddress, $0.count) }
            guard count > 0 else {
                if count < 0, errno != EAGAIN { throw SystemCallError(call: "read", errno: errno, subject: "") }
                return names
            }
            // Each event: 4 numbers of 32 bits, of which the last one is the length of the name with its padding.
            var rest = buffer[..<count]
            while rest.count >= 16 {
                let length = unsafe rest.withUnsafeBytes { unsafe $0.load(fromByteOffset: 12, as: UInt32.self) }
                rest = rest.dropFirst(16)
                names.insert(String(decoding: rest.prefix(Int(length)).prefix { $0 != 0 }, as: UTF8.self))
                rest = rest.dropFirst(Int(length))
            }
        }
    }
}
