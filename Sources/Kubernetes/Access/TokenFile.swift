internal import LinuxIO
package import PodVMLifecycle
package import Telemetry

/// The ServiceAccount's token, which the kubelet replaces in its file while this process runs.
///
/// The file is read again each minute, and at once after ``drop(_:)``. A file that cannot be read leaves the last token
/// in use.
package final class TokenFile: Sendable {
    /// How long a token is used before the file is read again.
    static let lifetime = Duration.seconds(60)

    /// The file cannot be read, or has no token.
    package struct Unreadable: Error, Equatable, CustomStringConvertible {
        /// Which file, and why.
        package let description: String
    }

    private struct State {
        var token: Secret<String>?
        var isDropped = false
        var read: ContinuousClock.Instant?
    }

    private let path: String
    private let clock: any LifecycleClock
    private let redactor: Redactor?
    private let state = Lock(State())

    /// A token in the file at `path`. `redactor` hides each token from the log.
    package init(path: String, clock: any LifecycleClock, redactor: Redactor? = nil) {
        self.path = path
        self.clock = clock
        self.redactor = redactor
    }

    /// The token to send now.
    package func token() throws(Unreadable) -> Secret<String> {
        let now = clock.now
        let known: Secret<String>? = state.withLock { state in
            guard let token = state.token, !state.isDropped, let read = state.read,
                read.duration(to: now) < Self.lifetime
            else { return nil }
            return token
        }
        if let known { return known }
        do throws(Unreadable) {
            let token = try readFile()
            redactor?.hide(token)
            state.withLock { $0 = State(token: token, read: now) }
            return token
        } catch {
            if let last = state.withLock({ $0.token }) { return last }
            throw error
        }
    }

    /// Says that the server refused `token`. Returns whether the file has another token, with which a second request
    /// may succeed.
    package func drop(_ token: Secret<String>) -> Bool {
        state.withLock { $0.isDropped = true }
        guard let next = try? self.token() else { return false }
        return next.reveal() != token.reveal()
    }

    private func readFile() throws(Unreadable) -> Secret<String> {
        let bytes: [UInt8]
        do {
            bytes = try DurableFile.read(path, limit: TokenClaims.tokenLimit)
        } catch {
            throw Unreadable(description: "the token cannot be read: \(error)")
        }
        let isBlank = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
        let text = bytes.drop(while: isBlank).reversed().drop(while: isBlank).reversed()
        guard !text.isEmpty, text.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Unreadable(description: "the file \(path) does not have one token of printable characters")
        }
        return Secret(String(decoding: Array(text), as: UTF8.self))
    }
}
