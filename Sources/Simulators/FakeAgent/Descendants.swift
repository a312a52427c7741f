package import LinuxIO

/// The descendants of this process.
package enum Descendants {
    /// Kills them and returns when there are none; works in a cancelled task, too.
    ///
    /// In a subreaper that includes every process it has started, directly or not.
    package static func end(on loop: EpollLoop) async {
        // A process that is stuck in the kernel must not block this task.
        let limit = ContinuousClock.now.advanced(by: .seconds(5))
        while !ProcessTable.children(of: ProcessTree.current).isEmpty, ContinuousClock.now < limit {
            ProcessTree.killDescendants(of: ProcessTree.current)
            ProcessTree.reapOrphans(except: [])
            try? await loop.sleep(for: .milliseconds(1))
        }
    }
}
