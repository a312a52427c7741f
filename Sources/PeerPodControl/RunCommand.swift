internal import JSON
internal import LinuxIO

/// `peerpodctl run`, once its flags are read.
struct RunCommand: Sendable {
    let plan: RunPlan
    let report: RunOptions.ReportFormat

    /// Runs the plan on a loop of this thread; returns the exit status.
    func run() -> Int32 {
        SystemInfo.raiseDescriptorLimit()
        Signals.ignoreBrokenPipes()
        do {
            return try EpollLoop.run { loop in try await run(on: loop) }
        } catch {
            StandardError.write("peerpodctl run: \(error)\n")
            return ExitStatus.failure
        }
    }

    private func run(on loop: EpollLoop) async throws -> Int32 {
        let signals = try Signals([Signals.interrupt, Signals.terminate], on: loop)
        let control = RunControl()
        let begin = ContinuousClock.now
        let outcomes = await withTaskGroup { group in
            group.addTask { await listen(to: signals, control) }
            defer { group.cancelAll() }
            return await PodRunner(plan: plan, loop: loop, control: control, output: output).run()
        }
        show(
            RunReport(outcomes: outcomes, concurrency: plan.concurrency, elapsed: ContinuousClock.now - begin))
        return outcomes.count < plan.pods && ExitStatus.of(outcomes) == ExitStatus.success
            ? ExitStatus.interrupted : ExitStatus.of(outcomes)
    }

    private func listen(to signals: Signals, _ control: RunControl) async {
        while let number = try? await signals.next() {
            if StandardError.isTerminal, !control.isInterrupted {
                StandardError.write("peerpodctl: passed on to what runs; once more ends the pods\n")
            }
            control.interrupt(number)
        }
    }

    private func output(of pod: String) -> PodOutput {
        guard plan.showsOutput else { return .none }
        return plan.pods == 1 ? .direct : .prefixed(with: pod)
    }

    private func show(_ summary: RunReport) {
        switch report {
        case .none: write(summary.failureLines)
        case .json: StandardError.write(summary.json.encoded() + [UInt8(ascii: "\n")])
        case .text: write(summary.lines(width: StandardOutput.columns ?? 80))
        case .auto where StandardError.isTerminal: write(summary.lines(width: StandardOutput.columns ?? 80))
        case .auto: StandardError.write(summary.json.encoded() + [UInt8(ascii: "\n")])
        }
    }

    private func write(_ lines: [String]) { StandardError.write(lines.map { $0 + "\n" }.joined()) }
}
