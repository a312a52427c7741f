internal import LinuxIO

/// Carries bytes both ways between `near` and `far` until both ways have ended, or one failed.
///
/// Nothing is decoded. An end that does not read makes the other end's writes wait, with at most
/// a quarter MiB of plain bytes held in between. An end in one direction is carried over as a
/// half-close while the other direction goes on; a failure closes both streams at once, since
/// an end whose peer is gone should notice it. Returns, or throws, with
/// both streams closed.
///
/// `filter` sees the bytes from `near` to `far`. `held` are such bytes that were read before;
/// they go first, through the filter.
/// - Throws: what the first failing direction failed with; `CancellationError` when cancelled.
func relay(
    _ near: any ByteStream, _ far: any ByteStream, filter: sending (any StreamFilter)? = nil, held: [UInt8] = []
) async throws {
    defer {
        near.close()
        far.close()
    }
    let failure = FirstFailure()
    await withTaskGroup(of: Void.self) { group in
        group.addTask {
            do {
                var pump = Pump(from: far, to: near, filter: nil)
                try await pump.run()
            } catch {
                failure.note(error, closing: near, far)
            }
        }
        do {
            var pump = Pump(from: near, to: far, filter: filter)
            try await pump.start(with: held)
            try await pump.run()
        } catch {
            failure.note(error, closing: near, far)
        }
    }
    if let error = failure.error { throw error }
}

/// Remembers the first failure; closing the streams causes further ones, which do not count.
private final class FirstFailure: Sendable {
    private let kept = Lock<(any Error)?>(nil)

    var error: (any Error)? { kept.withLock { $0 } }

    /// Keeps `error` if it is the first, and wakes the other direction by closing both streams.
    func note(_ error: any Error, closing near: any ByteStream, _ far: any ByteStream) {
        kept.withLock { kept in if kept == nil { kept = error } }
        near.close()
        far.close()
    }
}
