internal import LinuxIO

/// How often and for how long the metadata service is asked.
///
/// A VM may boot before its network or its metadata service is up. The first pauses are short, since what is late
/// is mostly late by little, and every one of them delays a pod.
struct MetadataRetry: Sendable {
    var firstPause = Duration.milliseconds(100)
    var longestPause = Duration.seconds(5)
    var limit = Duration.seconds(180)

    /// The user data, or ``MetadataError`` of the last try; says of each failure that it will try again through `tell`.
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
