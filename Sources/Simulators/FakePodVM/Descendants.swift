internal import LinuxIO

/// All that descends from this process.
enum Descendants {
    /// Kills them, and returns once there are none; also for a task that is cancelled.
    ///
    /// For a subreaper that is the end of all it ever started: nothing gets out from below it.
    static func end(on loop: EpollLoop) async {
        let limit = ContinuousClock.now.advanced(by: .seconds(5))  // One stuck in the kernel must not hold us up.
        while !ProcessTable.children(of: ProcessTree.current).isEmpty, ContinuousClock.now < limit {
            ProcessTree.killDescendants(of: ProcessTree.current)
            ProcessTree.reapOrphans(except: [])
            try? await loop.sleep(for: .milliseconds(1))
        }
    }
}
