internal import LinuxIO

/// Azure's instance metadata service (IMDS). A pod VM requests its user data from it.
struct MetadataService: Sendable {
    let endpoint: MetadataEndpoint
    let loop: EpollLoop
    /// The timeout of one request.
    var patience = Duration.seconds(10)

    /// The oldest version that knows user data.
    private static let path = "/metadata/instance/compute/userData?api-version=2021-01-01&format=text"
    /// ARM accepts 64 KiB before base64; user data of twice that size does not belong to this project.
    private static let bodyLimit = 128 << 10

    /// Requests the user data once: in base64, unchecked.
    ///
    /// - Throws: ``MetadataError``, or `CancellationError`.
    func userData() async throws -> [UInt8] {
        let answer: HTTPResponseReader.Answer
        do {
            answer = try await withDeadline(.now.advanced(by: patience), on: loop) {
                try await endpoint.answer(to: Self.path, upTo: Self.bodyLimit, on: loop)
            }
        } catch is DeadlineExceeded {
            throw MetadataError("no answer within \(patience)", mayPass: true)
        } catch let error as SystemCallError {
            throw MetadataError("\(error)", mayPass: true)
        } catch let error as HTTPResponseError {
            throw MetadataError(error.description, mayPass: true)
        }
        guard answer.status == 200 else { throw MetadataError(answer) }
        guard answer.body.contains(where: { $0 > UInt8(ascii: " ") }) else {
            throw MetadataError("no user data for this VM", mayPass: true)
        }
        return answer.body
    }
}

/// Why the metadata service returned no user data.
struct MetadataError: Error, Equatable, CustomStringConvertible {
    /// The failure, as a clause.
    let description: String
    /// Whether a later attempt may succeed.
    let mayPass: Bool

    init(_ description: String, mayPass: Bool) {
        self.description = description
        self.mayPass = mayPass
    }

    /// An answer without user data. The service answers 404 and 410 while it is updated, 429 after too many requests.
    init(_ answer: HTTPResponseReader.Answer) {
        var text = "answered with status \(answer.status)"
        switch answer.status {
        case 404: text += " (not found, or being updated)"
        case 410: text += " (being updated: available within 70 s)"
        case 429: text += " (too many requests)"
        default: break
        }
        // The service's own words; they are not user data, which comes with status 200.
        let words = String(decoding: answer.body.prefix(200), as: UTF8.self)
        if !words.isEmpty { text += ": \(words.debugDescription)" }
        self.init(text, mayPass: [404, 408, 410, 429].contains(answer.status) || answer.status >= 500)
    }
}
