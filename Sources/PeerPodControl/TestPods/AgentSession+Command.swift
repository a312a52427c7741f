internal import KataProtocol
internal import LinuxIO
internal import TTRPC

extension AgentSession {
    /// The most bytes of one read or write, as in the shim.
    private static let pieceLength = 32 << 10

    private enum Event {
        case commandEnded(Int32)
        case outputEnded
        case graceOver
        case other
    }

    /// Forwards the command's input and outputs until the command has ended and both outputs are at their end; returns
    /// its status.
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

    /// Reads until an error: at the end of the output the agent answers with an error that says `EOF`.
    ///
    /// If the reader of the output is closed, the pod ends, as SIGPIPE would end a process.
    private func read(
        _ method: Method<ReadStreamRequest, ReadStreamResponse>, to sink: @Sendable ([UInt8]) -> Bool
    ) async -> Event {
        let request = ReadStreamRequest.with {
            $0.containerID = identity.sandbox
            $0.execID = identity.sandbox
            $0.length = UInt32(Self.pieceLength)
        }
        // An agent that has died also ends WaitProcess, which reports the failure.
        while let answer = try? await call(method, request, timeout: nil) {
            guard sink(answer.data) else {
                control.stop.set()
                break
            }
        }
        return .outputEnded
    }

    /// GetOOMEvent answers when a process was killed, so the call is repeated.
    private func noteOutOfMemory() async -> Event {
        while (try? await call(AgentService.getOOMEvent, Empty(), timeout: nil)) != nil { progress.noteOutOfMemory() }
        return .other
    }

    /// Forwards our input to the command, if the plan has input, and then closes the command's input.
    private func feedInput() async -> Event {
        if plan.readsStandardInput, let input = try? StandardInput(on: loop) {
            while let bytes = try? await input.read(upTo: Self.pieceLength), !bytes.isEmpty {
                guard await write(bytes) else { return .other }
            }
        }
        // A command that has already ended has no input to close.
        _ = try? await call(AgentService.closeStdin, process)
        return .other
    }

    /// Writes all of `bytes`; returns false when the command reads no more.
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
                // If the command cannot receive the signal, its VM is stopped instead.
                control.stop.set()
            }
        }
        return .other
    }
}
