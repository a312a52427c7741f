internal import Configuration
internal import JSON
internal import LinuxIO
internal import PodNetwork

/// `peerpodctl run`, after its flags have been read.
struct RunCommand: Sendable {
    let plan: RunPlan
    let report: RunOptions.ReportFormat
    /// The output for all text except that of the pods' commands.
    let output: Program.Output

    /// Runs the plan on a loop of this thread; returns the exit status.
    func run() -> Int32 {
        SystemInfo.raiseDescriptorLimit()
        Signals.ignoreBrokenPipes()
        do {
            if plan.network == .made { try Self.check(NetworkCapabilities.ofThisProcess()) }
            return try EpollLoop.run { loop in try await run(on: loop) }
        } catch let failure as PodFailure {
            output.error(failure.text(of: "peerpodctl run"))
            return ExitStatus.failure
        } catch {
            output.error("peerpodctl run: \(error)\n")
            return ExitStatus.failure
        }
    }

    /// - Throws: ``PodFailure`` that names the missing permissions for creating networks.
    static func check(_ capabilities: NetworkCapabilities) throws(PodFailure) {
        guard !capabilities.missing.isEmpty else { return }
        throw PodFailure(
            operation: "creating the cluster's network",
            message: "-network has to make network namespaces, and this process lacks "
                + capabilities.missing.joined(separator: " and "),
            advice: "Run it as root; or without -network, so that the pods use the network of their VMs.")
    }

    private func run(on loop: EpollLoop) async throws -> Int32 {
        // Before any other thread starts, so that only this loop receives the signals.
        let signals = try Signals([Signals.interrupt, Signals.terminate], on: loop)
        let cluster = plan.network == .made ? ClusterNetwork(in: try .ofThisProcess(), on: loop) : nil
        let control = RunControl()
        let begin = ContinuousClock.now
        let outcomes = await withTaskGroup { group in
            group.addTask { await listen(to: signals, control) }
            defer { group.cancelAll() }
            return await PodRunner(
                plan: plan, loop: loop, control: control, output: podOutput, cluster: cluster, announce: announce
            ).run()
        }
        show(
            RunReport(outcomes: outcomes, concurrency: plan.concurrency, elapsed: ContinuousClock.now - begin))
        try await cluster?.clear()
        return outcomes.count < plan.pods && ExitStatus.of(outcomes) == ExitStatus.success
            ? ExitStatus.interrupted : ExitStatus.of(outcomes)
    }

    /// Announces the pod in the format of the later report: for people or for programs.
    private func announce(_ pod: PodIdentity, at networkInfo: PodNetworkInfo) {
        switch report {
        case .none: break
        case .text: write([networkInfo.line(of: pod)])
        case .auto where StandardError.isTerminal: write([networkInfo.line(of: pod)])
        case .json, .auto: write(networkInfo.json(of: pod))
        }
    }

    private func listen(to signals: Signals, _ control: RunControl) async {
        while let number = try? await signals.next() {
            if StandardError.isTerminal, !control.isInterrupted {
                output.error("peerpodctl: passed the signal on to the commands; press Ctrl-C again to end the pods\n")
            }
            control.interrupt(number)
        }
    }

    private func podOutput(of pod: String) -> PodOutput {
        guard plan.showsOutput else { return .none }
        return plan.pods == 1 ? .direct : .prefixed(with: pod)
    }

    private func show(_ summary: RunReport) {
        switch report {
        case .none: write(summary.failureLines)
        case .json: write(summary.json)
        case .text: write(summary.lines(width: StandardOutput.columns ?? 80))
        case .auto where StandardError.isTerminal: write(summary.lines(width: StandardOutput.columns ?? 80))
        case .auto: write(summary.json)
        }
    }

    private func write(_ lines: [String]) { output.error(lines.map { $0 + "\n" }.joined()) }

    private func write(_ document: JSONValue) { write([String(decoding: document.encoded(), as: UTF8.self)]) }
}
