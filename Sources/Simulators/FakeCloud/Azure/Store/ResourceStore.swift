internal import LinuxIO
internal import Telemetry

/// The one store of a fake Azure: its resources and the scenario that its services follow.
///
/// Concurrency: the lock guards the content and is never held across a suspension. A change is written to the files
/// under the lock, so that the files change in the order of the content.
final class ResourceStore: Sendable {
    /// What all services share.
    struct Content: Sendable {
        var state: AzureState
        var scenario: AzureScenario
        /// The text of the scenario; empty when it was not set as text.
        var scenarioText: [UInt8] = []
        var faults: FaultInjector
        /// The number of calls, and of calls that were refused because there were too many.
        var calls = 0
        var throttled = 0
    }

    private let content: Lock<Content>
    private let files: StateFiles?
    private let logger: Logger

    /// A store with the resources that `files` has; without files, nothing outlives the process.
    ///
    /// - Throws: ``StateFileError``, or ``SystemCallError``.
    init(_ options: FakeAzureOptions, files: StateFiles?, logger: Logger) throws {
        var state = AzureState(subscription: options.subscriptionID, region: options.region)
        try files?.restore(&state)
        content = Lock(
            Content(state: state, scenario: options.scenario, faults: FaultInjector(options.scenario.faults)))
        self.files = files
        self.logger = logger
    }

    /// Reads the content, or changes parts of it that are not kept in files.
    func withContent<Result>(_ body: (inout Content) -> Result) -> Result { content.withLock(body) }

    /// Changes resources on behalf of a request, which can refuse to; writes the changes to the files.
    func update<Result>(_ body: (inout Content) throws(FakeARMFault) -> Result) throws(FakeARMFault) -> Result {
        let outcome: Swift.Result<Result, FakeARMFault> = content.withLock { content in
            let outcome: Swift.Result<Result, FakeARMFault>
            do throws(FakeARMFault) { outcome = .success(try body(&content)) } catch { outcome = .failure(error) }
            keepChanges(of: &content)
            return outcome
        }
        return try outcome.get()
    }

    /// Changes resources; writes the changes to the files.
    func change(_ body: (inout Content) -> Void) {
        content.withLock { content in
            body(&content)
            keepChanges(of: &content)
        }
    }

    private func keepChanges(of content: inout Content) {
        let changes = content.state.takeChanges()
        guard let files else { return }
        for id in changes { files.keep(id, content.state, logger) }
    }

    /// Sets the scenario for later calls; work in progress goes on as it began.
    func setScenario(_ scenario: AzureScenario, text: [UInt8] = []) {
        content.withLock { content in
            content.scenario = scenario
            content.scenarioText = text
            content.faults = FaultInjector(scenario.faults)
        }
    }
}
