internal import LinuxIO
internal import Telemetry

extension SandboxSupervisor {
    /// The timeout for a sandbox of an earlier process that held the shims' connections itself: they ended with that
    /// process, and kata does not connect again.
    private static var timeoutAfterStart: Duration { .seconds(10) }
    /// The longest pause between two checks.
    private static var longestPause: Duration { .seconds(5) }

    /// Stops sandboxes whose shim has died without StopVM, until cancelled. Needs ``run()`` to be running.
    ///
    /// A shim that is killed, or that ends a pod after kubelet has given up, does not call StopVM. Two signs show it:
    /// the pod's network namespace does not exist, and no client is connected to the agent socket. Both must hold for
    /// the whole `abandonedTimeout`. A sandbox without a namespace shows only the second sign, and stays until StopVM.
    public func stopAbandoned() async {
        // Zero disables the checks; the pause then only waits for the cancellation.
        let pause =
            options.abandonedTimeout > .zero ? min(options.abandonedTimeout / 4, Self.longestPause) : .seconds(3600)
        while (try? await clock.sleep(for: pause)) != nil { await stopAbandonedOnce() }
    }

    /// Stops the sandboxes that have looked abandoned for the whole timeout.
    func stopAbandonedOnce() async {
        guard options.abandonedTimeout > .zero else { return }
        for record in table.withLock({ $0.idle.map(\.sandbox.record) }) where !record.networkNamespacePath.isEmpty {
            guard
                let timeout = expiredTimeout(
                    of: record.id, namespaces.status(at: record.networkNamespacePath).isGone)
            else { continue }
            let log = logger(of: record)
            log.warning(
                """
                The sandbox is abandoned: its network namespace is gone, and no client has been connected to its agent \
                socket; stopping it, as its shim does not
                """,
                [
                    LogField("namespacePath", record.networkNamespacePath),
                    LogField("seconds", Int64(timeout / .seconds(1))), LogField("state", record.state.name),
                ])
            metrics.abandoned.increment()
            do {
                // A call that has come since the check needs the sandbox.
                try await stop(record.id) { $0.isIdle && $0.sandbox.state == record.state }
            } catch {
                log.warning("Could not stop the abandoned sandbox completely", [LogField("error", error)])
            }
        }
    }

    /// Notes whether the sandbox looks abandoned now. Returns the timeout if that time has passed, otherwise nil.
    private func expiredTimeout(of id: SandboxID, _ isNamespaceGone: Bool) -> Duration? {
        let lastUse = isNamespaceGone ? connector.lastUse(of: id) : nil
        let now = clock.now
        return table.withLock { table in
            guard let entry = table.entries[id], entry.isIdle else { return nil }
            guard isNamespaceGone else {
                table.entries[id]?.abandonedSince = nil
                return nil
            }
            let since = max(entry.abandonedSince ?? now, lastUse ?? entry.abandonedSince ?? now)
            table.entries[id]?.abandonedSince = since
            let timeout = timeout(of: entry)
            return since.duration(to: now) >= timeout ? timeout : nil
        }
    }

    private func timeout(of entry: SandboxTable.Entry) -> Duration {
        entry.isTakenUp && !options.callersSurviveRestart
            ? min(Self.timeoutAfterStart, options.abandonedTimeout) : options.abandonedTimeout
    }

    /// What an operator reads of a sandbox that looks abandoned; nil for others.
    func abandonment(of entry: SandboxTable.Entry, now: ContinuousClock.Instant) -> String? {
        guard let since = entry.abandonedSince, entry.isIdle else { return nil }
        let (age, limit) = (since.duration(to: now) / .seconds(1), timeout(of: entry) / .seconds(1))
        return
            "Its network namespace is gone, and no client has been connected to its agent socket, for \(Int(age)) s; "
            + "after \(Int(limit)) s it is stopped."
    }
}
