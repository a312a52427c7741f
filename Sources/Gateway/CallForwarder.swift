internal import KataProtocol
internal import LinuxIO
internal import TTRPC
internal import Telemetry

/// Forwards the shims' calls, undecoded, to the attached adaptor.
///
/// Each call has a connection of its own to the adaptor, because ttrpc has no message that cancels a call: when the shim
/// hangs up or its deadline passes, the gateway closes the call's connection, and the adaptor cancels the call.
struct CallForwarder: Sendable {
    let slot: AdaptorSlot
    let counters: GatewayCounters
    let loop: EpollLoop
    let logger: Logger

    /// The adaptor ended before it answered.
    private struct AdaptorGone: Error {}

    /// The pauses between two attempts to reach an adaptor that is attached and does not accept connections.
    private static let pauses = Duration.milliseconds(10)...Duration.seconds(1)

    /// Sends a call to the attached adaptor, and again to the next one if the adaptor ends before it answers.
    ///
    /// The call waits while no adaptor is attached. Its task is cancelled at its deadline and when its client hangs up.
    /// - Throws: The adaptor's `Status`, or `CancellationError`.
    func forward(_ call: Call, _ payload: [UInt8]) async throws -> [UInt8] {
        var pause = Self.pauses.lowerBound
        while true {
            let adaptor = try await counters.waiting { try await slot.adaptor() }
            do {
                return try await send(call, payload, to: adaptor)
            } catch is AdaptorGone {
                counters.countResent()
                logger.info(
                    "The adaptor ended before it answered a call; the call is sent again",
                    [LogField("method", call.method)])
            }
            if await isReplaced(adaptor, within: pause) {
                pause = Self.pauses.lowerBound
            } else {
                pause = min(pause * 2, Self.pauses.upperBound)
            }
            try Task.checkCancellation()
        }
    }

    private func send(_ call: Call, _ payload: [UInt8], to adaptor: AttachedAdaptor) async throws -> [UInt8] {
        let connection: Stream
        do {
            connection = try await Stream.connect(to: .unix(path: adaptor.socket), on: loop)
        } catch is SystemCallError {
            throw AdaptorGone()
        }
        let timeout = call.deadline.map { ContinuousClock.now.duration(to: $0) }
        #if DEBUG
            // Tests poll other services, and each poll would be two more places.
            let isShim = call.service == Hypervisor.service
            if isShim { CrashPoint.reach("before \(call.method) is forwarded") }
            defer { if isShim { CrashPoint.reach("after the answer to \(call.method)") } }
        #endif
        return try await Client.with(connection, on: loop) { client in
            do {
                return try await client.call(
                    call.service, call.method, payload, timeout: timeout, metadata: call.metadata)
            } catch let status as Status where status.code == .unavailable && client.hasEnded {
                throw AdaptorGone()
            }
        }
    }

    /// Waits for `pause`, or until `adaptor` is no longer attached, which is the result.
    private func isReplaced(_ adaptor: AttachedAdaptor, within pause: Duration) async -> Bool {
        _ = try? await withDeadline(.now.advanced(by: pause), on: loop) { await slot.changed(from: adaptor) }
        return slot.current !== adaptor
    }
}
