import Configuration
import LinuxIO

/// What a program said.
final class CapturedOutput: Sendable {
    private let texts = Lock((standard: "", error: ""))

    var standard: String { texts.withLock { $0.standard } }
    var error: String { texts.withLock { $0.error } }

    var output: Program.Output {
        .init(
            standard: { text in self.texts.withLock { $0.standard += text } },
            error: { text in self.texts.withLock { $0.error += text } })
    }
}
