internal import JSON
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// The region's VM sizes, read at the first use and kept. An old list stays in use while a newer list is read.
final class SizeStore: Sendable {
    /// The list of sizes changes within months, the subscription's access to them within days.
    static let lifetime = Duration.seconds(3600)
    /// The pause after a failed reading while there is no list.
    static let firstPause = Duration.seconds(5)

    private struct State {
        var catalog: SizeCatalog?
        var failure: (error: ARMError, at: ContinuousClock.Instant)?
    }

    private let arm: ARMClient
    private let clock: any LifecycleClock
    private let logger: Logger
    private let state = Lock(State())
    /// One caller reads; callers that come meanwhile share the result.
    private let reading = AsyncSemaphore(1)

    init(_ arm: ARMClient, clock: any LifecycleClock, logger: Logger, metrics: Metrics) {
        self.arm = arm
        self.clock = clock
        self.logger = logger
        metrics.gauge("peerpods_azure_vm_sizes", "VM sizes of the region that are known.") { [weak self] in
            self?.state.withLock { $0.catalog }.map { Double($0.count) }
        }
    }

    /// The sizes of any age, if they have been read.
    var known: SizeCatalog? { state.withLock { $0.catalog } }

    /// The sizes of any age. Waits only when there is no list yet.
    func catalog() async throws(ARMError) -> SizeCatalog {
        if let catalog = state.withLock({ $0.catalog }) { return catalog }
        return try await read(unlessFoundSince: clock.now)
    }

    /// Reads the sizes immediately and then every ``lifetime``, until cancelled. Callers that need them meanwhile wait
    /// for the same reading.
    func run() async {
        var pause = Self.firstPause
        while !Task.isCancelled {
            do throws(ARMError) {
                let catalog = try await read(unlessFoundSince: nil)
                logger.debug("Read the region's VM sizes", [LogField("count", catalog.count)])
                pause = Self.lifetime * (0.9 + 0.2 * clock.random())
            } catch {
                if error.kind == .cancelled { return }
                logger.warning(
                    "Could not read the region's VM sizes; trying again", [LogField("error", error)])
                pause = pause > Self.lifetime / 2 ? Self.firstPause : min(pause * 2, Self.lifetime / 4)
            }
            guard (try? await clock.sleep(for: pause)) != nil else { return }
        }
    }

    /// One of the callers that wait for the same reading reads. With `begun`, a list or a failure since that time is
    /// used instead.
    private func read(unlessFoundSince begun: ContinuousClock.Instant?) async throws(ARMError) -> SizeCatalog {
        let outcome: Result<SizeCatalog, ARMError>
        do {
            outcome = try await reading.withPermit {
                if let begun, let found = found(since: begun) { return found }
                return await fetch()
            }
        } catch {
            throw ARMError(.cancelled, during: "GET skus", "")
        }
        return try outcome.get()
    }

    private func found(since begun: ContinuousClock.Instant) -> Result<SizeCatalog, ARMError>? {
        state.withLock { state in
            if let catalog = state.catalog { return .success(catalog) }
            if let failure = state.failure, failure.at > begun { return .failure(failure.error) }
            return nil
        }
    }

    private func fetch() async -> Result<SizeCatalog, ARMError> {
        let region = arm.account.region
        var request = ARMRequest(
            "GET", arm.account.inSubscription("Microsoft.Compute/skus"), apiVersion: APIVersion.sizes)
        request.query = [("$filter", "location eq '\(region.folded)'")]
        let outcome: Result<SizeCatalog, ARMError>
        do throws(ARMError) {
            let skus = try await arm.list(request)
            do throws(JSONError) {
                outcome = .success(try SizeCatalog(skus, in: region))
            } catch {
                outcome = .failure(ARMError(.malformed, during: request.name, "the list of VM sizes: \(error)"))
            }
        } catch {
            outcome = .failure(error)
        }
        state.withLock { state in
            switch outcome {
            case .success(let catalog): state = State(catalog: catalog)
            case .failure(let error) where error.kind == .cancelled: break
            case .failure(let error): state.failure = (error, clock.now)
            }
        }
        return outcome
    }
}
