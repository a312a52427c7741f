internal import KataProtocol
internal import LinuxIO
internal import PodVMLifecycle
internal import TTRPC
internal import Telemetry

/// Answers StopVM also while no adaptor does, because kata's Rust shim gives the call one second and calls once.
///
/// The gateway then writes a ``StopMark``, which survives a power cut, and answers. The attached adaptor, or the next one,
/// carries the stop out.
struct StopCalls: Sendable {
    let forwarder: CallForwarder
    let slot: AdaptorSlot
    let counters: GatewayCounters
    let podsDirectory: String
    let loop: EpollLoop
    let logger: Logger

    /// How long an attached adaptor has to answer before the gateway does.
    private static let patience = Duration.milliseconds(500)

    private enum Outcome: Sendable {
        case answered([UInt8])
        case late
    }

    /// Stops a sandbox.
    ///
    /// - Throws: The adaptor's `Status`, or `CancellationError`.
    func stop(_ call: Call, _ payload: [UInt8]) async throws -> [UInt8] {
        // An adaptor answers a request that is not valid.
        guard let request = try? VMRequest(parsing: payload), let sandbox = try? SandboxID(validating: request.id)
        else {
            return try await forwarder.forward(call, payload)
        }
        return try await withThrowingTaskGroup(of: Outcome.self) { group in
            group.addTask { .answered(try await forwarder.forward(call, payload)) }
            group.addTask {
                if slot.current != nil { try await loop.sleep(for: Self.patience) }
                return .late
            }
            defer { group.cancelAll() }
            while let outcome = try await group.next() {
                switch outcome {
                case .answered(let answer): return answer
                // If the mark cannot be written, only the adaptor can answer.
                case .late: if await mark(sandbox) { return Empty().encoded }
                }
            }
            throw CancellationError()
        }
    }

    /// Writes the sandbox's stop mark, if the sandbox has a directory. Returns false when the mark cannot be written.
    private func mark(_ sandbox: SandboxID) async -> Bool {
        let logger = logger.with("sandbox", sandbox)
        do {
            let exists = try await ThreadPool.files.run { () throws(FileError) in
                try StopMark.write(for: sandbox, in: podsDirectory)
            }
            counters.countMark()
            guard exists else { return true }
            logger.warning(
                "No adaptor has answered StopVM; the gateway has marked the sandbox as stopped, and the next adaptor deletes its VM"
            )
            slot.current?.stop(sandbox.rawValue)
            return true
        } catch {
            logger.error(
                "No adaptor has answered StopVM, and the stop mark cannot be written; the call waits for an adaptor",
                [LogField("error", error)])
            return false
        }
    }
}
