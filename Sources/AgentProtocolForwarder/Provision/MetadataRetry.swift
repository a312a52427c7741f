internal import LinuxIO

/// The number and the pauses of requests to the metadata service.
///
/// A VM may boot before its network or its metadata service is up. The first pauses are short, because most
/// delays are short, and each pause delays a pod.
struct MetadataRetry: Sendable {
    var firstPause = Duration.milliseconds(100)
    var longestPause = Duration.seconds(5)
    var limit = Duration.seconds(180)

    /// Returns the user data, or throws ``MetadataError`` of the last try. Calls `tell` for each failure that it
    /// retries.
    func userData(
        from service: MetadataService, tell: @escaping @Sendable (String) -> Void
    ) async throws -> [UInt8] {
        let start = ContinuousClock.now
        var pause = firstPause
        var attempt = 1
        while true {
            do {
                return try await service.userData()
            } catch let error as MetadataError {
                let spent = ContinuousClock.now - start
                guard error.mayPass, spent + pause <= limit else {
                    let tries = attempt == 1 ? "" : " (\(attempt) requests in \(spent.components.seconds) s)"
                    throw MetadataError("\(error)\(tries)", mayPass: error.mayPass)
                }
                tell("\(error); the next request follows in \(pause)")
                try await service.loop.sleep(for: pause)
                pause = min(pause * 2, longestPause)
                attempt += 1
            }
        }
    }
}
