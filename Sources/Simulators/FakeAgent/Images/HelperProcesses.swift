internal import LinuxIO
internal import Telemetry

/// Runs programs whose end the caller waits for, beside the processes of containers.
final class HelperProcesses: Sendable {
    private static let wordLimit = 2048

    private let loop: EpollLoop
    private let running = Lock<Set<Int32>>([])

    init(on loop: EpollLoop) { self.loop = loop }

    /// The ids of processes for which a task waits.
    var awaited: Set<Int32> { running.withLock { $0 } }

    /// Runs a program; returns how it ended, and the end of what it wrote to standard error. A cancelled task kills it.
    func run(_ options: ChildProcess.Options) async throws -> (end: ChildProcess.ExitStatus, words: String) {
        var options = options
        (options.input, options.output, options.error) = (.null, .null, .pipe)
        let child = try ChildProcess.start(options, on: loop)
        running.withLock { _ = $0.insert(child.pid) }
        defer { running.withLock { _ = $0.remove(child.pid) } }
        return try await withTaskCancellationHandler {
            var words: [UInt8] = []
            while let more = try await child.error?.read(upTo: 4096), !more.isEmpty {
                words = (words + more).suffix(Self.wordLimit)
            }
            let text = String(decoding: words, as: UTF8.self)
            return (try await child.wait(), text.split(separator: "\n").joined(separator: "; ").printable())
        } onCancel: {
            child.signal(Signals.kill)
        }
    }
}
