package import LinuxIO

/// A condition that did not come true in time.
package struct ConditionNotMet: Error, CustomStringConvertible {
    /// The condition and the time.
    package let description: String
}

/// Returns once `condition` holds: for what another task, thread or process is about to do.
///
/// - Throws: ``ConditionNotMet`` after `limit`, or what the condition threw.
package func eventually(
    on loop: EpollLoop, _ what: String = "the condition", within limit: Duration = .seconds(120),
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now.advanced(by: limit)
    while try await !condition() {
        guard ContinuousClock.now < end else {
            throw ConditionNotMet(description: "\(what) did not come true within \(limit)")
        }
        try await loop.sleep(for: .milliseconds(1))
    }
}
