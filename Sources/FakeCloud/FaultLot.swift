internal import LinuxIO

/// Decides which of the VMs asked for get the cloud's failure.
final class FaultLot: Sendable {
    private let scope: FakeFaultScope
    private let asked = Lock(0)

    init(_ scope: FakeFaultScope) { self.scope = scope }

    /// Whether the next VM asked for is to fail.
    func draw() -> Bool {
        let number = asked.withLock { asked in
            asked += 1
            return asked
        }
        if scope.first > 0, number > scope.first { return false }
        return scope.percent >= 100 || Int.random(in: 0..<100) < scope.percent
    }
}
