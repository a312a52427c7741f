internal import LinuxIO

/// Forwards bytes in both directions between `near` and `far` until both directions have ended, or one failed.
///
/// The relay does not decode bytes. If one end does not read, the other end's writes wait, and the relay holds at most
/// 256 KiB of plain bytes. An end in one direction becomes a half-close, and the other direction continues. A failure
/// closes both streams at once, so each end detects the loss of its peer. Both streams are closed when the function
/// returns or throws.
///
/// `filter` processes the bytes from `near` to `far`, and may answer some of them, see ``AnsweredStream``. `held` are
/// bytes of this direction that were read before. They are forwarded first, through the filter.
/// - Throws: the error of the first direction that fails; `CancellationError` when cancelled.
func relay(
    _ near: any ByteStream, _ far: any ByteStream, filter: sending (any StreamFilter)? = nil, held: [UInt8] = []
) async throws {
    defer {
        near.close()
        far.close()
    }
    let failure = FirstFailure()
    let answered = filter?.boundary.map { AnsweredStream(near, $0) }
    await withTaskGroup(of: Void.self) { group in
        group.addTask {
            do {
                var pump = Pump(from: far, to: near, between: answered)
                try await pump.run()
            } catch {
                failure.note(error, closing: near, far)
            }
        }
        do {
            var pump = Pump(from: near, to: far, filter: filter, answering: answered)
            try await pump.start(with: held)
            try await pump.run()
        } catch {
            failure.note(error, closing: near, far)
        }
    }
    if let error = failure.error { throw error }
}

/// Stores the first failure. Later failures are ignored, because closing the streams causes them.
private final class FirstFailure: Sendable {
    private let kept = Lock<(any Error)?>(nil)

    var error: (any Error)? { kept.withLock { $0 } }

    /// Stores `error` if it is the first, and closes both streams to wake the other direction.
    func note(_ error: any Error, closing near: any ByteStream, _ far: any ByteStream) {
        kept.withLock { kept in if kept == nil { kept = error } }
        near.close()
        far.close()
    }
}
