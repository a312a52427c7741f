internal import KataProtocol
internal import LinuxIO
internal import TTRPC

extension AgentSession {
    /// How much the shim reads or writes at a time.
    private static let pieceLength = 32 << 10

    private enum Event {
        case commandEnded(Int32)
        case outputEnded
        case graceOver
        case other
    }

    /// Carries the command's input and outputs until it has ended and they are at their end; returns its status.
    func runCommand() async throws -> Int32 {
        let signals = control.signalsForCommand()
        defer { control.commandHasEnded() }
        return try await withThrowingTaskGroup(of: Event.self) { group in
            group.addTask {
                let answer = try await call(AgentService.waitProcess, process, timeout: nil)
                return .commandEnded(answer.status)
            }
            group.addTask { await read(AgentService.readStdout, to: output.standard) }
            group.addTask { await read(AgentService.readStderr, to: output.error) }
            group.addTask { await noteOutOfMemory() }
            group.addTask { await feedInput() }
            group.addTask { await pass(signals) }
            defer {
                group.cancelAll()
                output.finish()
            }
            var status: Int32?
            var openOutputs = 2
            while let event = try await group.next() {
                switch event {
                case .commandEnded(let ended):
                    status = ended
                    group.addTask {
                        try await loop.sleep(for: timeouts.graceForOutputs)
                        return .graceOver
                    }
                case .outputEnded: openOutputs -= 1
                case .graceOver: openOutputs = 0
                case .other: break
                }
                if let status, openOutputs == 0 { return status }
            }
            throw CancellationError()
        }
    }

    /// The container's first process.
    private var process: ProcessRequest {
        .with {
            $0.containerID = identity.sandbox
            $0.execID = identity.sandbox
        }
    }

    /// Reads until an error comes: at the end the agent answers with one that says `EOF`.
    ///
    /// If the output is not read any more, the pod ends, as SIGPIPE would end a process.
    private func read(
        _ method: Method<ReadStreamRequest, ReadStreamResponse>, to sink: @Sendable ([UInt8]) -> Bool
    ) async -> Event {
        let request = ReadStreamRequest.with {
            $0.containerID = identity.sandbox
            $0.execID = identity.sandbox
            $0.length = UInt32(Self.pieceLength)
        }
        // An agent that is gone ends WaitProcess too, which says so.
        while let answer = try? await call(method, request, timeout: nil) {
            guard sink(answer.data) else {
                control.stop.set()
                break
            }
        }
        return .outputEnded
    }

    /// GetOOMEvent answers when something was killed, so it is asked again and again.
    private func noteOutOfMemory() async -> Event {
        while (try? await call(AgentService.getOOMEvent, Empty(), timeout: nil)) != nil { progress.noteOutOfMemory() }
        return .other
    }

    /// Our input goes to the command, if it is to have any; then its input is closed.
    private func feedInput() async -> Event {
        if plan.readsStandardInput, let input = try? StandardInput(on: loop) {
            while let bytes = try? await input.read(upTo: Self.pieceLength), !bytes.isEmpty {
                guard await write(bytes) else { return .other }
            }
        }
        // A command that has ended already has no input to close.
        _ = try? await call(AgentService.closeStdin, process)
        return .other
    }

    /// Writes all of `bytes`; false when the command takes no more.
    private func write(_ bytes: [UInt8]) async -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let request = WriteStreamRequest.with {
                $0.containerID = identity.sandbox
                $0.execID = identity.sandbox
                $0.data = Array(rest)
            }
            guard let answer = try? await call(AgentService.writeStdin, request, timeout: nil), answer.length > 0 else {
                return false
            }
            rest = rest.dropFirst(Int(answer.length))
        }
        return true
    }

    private func pass(_ signals: AsyncStream<CInt>) async -> Event {
        for await number in signals {
            let request = SignalProcessRequest.with {
                $0.containerID = identity.sandbox
                $0.execID = identity.sandbox
                $0.signal = UInt32(number)
            }
            do {
                _ = try await call(AgentService.signalProcess, request)
            } catch {
                // A command that cannot be told to end is ended with its VM.
                control.stop.set()
            }
        }
        return .other
    }
}
