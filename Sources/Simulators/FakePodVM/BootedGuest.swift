/// What the first process of a fake VM runs.
protocol BootedGuest: Sendable {
    /// Boots, and runs until it is cancelled or the guest ends.
    func run() async throws
    /// Reports why the VM has failed; its processes end.
    func fail(_ reason: String)
    /// Reaps processes whose parents have ended and that are now children of this process.
    func reapOrphans()
}
