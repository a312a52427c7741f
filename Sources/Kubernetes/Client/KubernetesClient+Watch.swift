internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import PodVMLifecycle

extension KubernetesClient {
    /// Watches objects from `version` until the server ends the watch; returns the version from which the next watch
    /// continues.
    ///
    /// `body` gets one event at a time. A silent connection is given up a moment after the time at which the server
    /// should have ended it.
    /// - Throws: ``KubernetesError``. With ``KubernetesError/Kind/expired`` the caller has to list the objects again.
    ///   After another failure it may continue from the version of the last event that it got.
    package func watch(
        _ selection: ObjectSelection, from version: String, _ body: (WatchEvent) async -> Void
    ) async throws(KubernetesError) -> String {
        let call = watchCall(selection, version)
        let outcome = await withTaskGroup(of: Result<Void, KubernetesError>.self) { group in
            let (parts, continuation) = AsyncStream<[UInt8]>.makeStream(bufferingPolicy: .unbounded)
            let waiting = WatchBacklog(limit: limits.page)
            group.addTask { [self] in
                defer { continuation.finish() }
                return await receive(call, waiting, continuation)
            }
            let read = await read(parts, waiting, call, version, body)
            if case .failure = read { group.cancelAll() }
            let sent = await group.next() ?? .success(())
            return read.flatMap { version in sent.map { version } }
        }
        count("watch", outcome.kind?.rawValue ?? "success")
        return try outcome.get()
    }

    private func watchCall(_ selection: ObjectSelection, _ version: String) -> KubernetesCall {
        let parameters = [
            (name: "watch", value: "1"), (name: "resourceVersion", value: version),
            (name: "allowWatchBookmarks", value: "true"),
            (name: "timeoutSeconds", value: String(max(1, limits.watch.components.seconds))),
        ]
        return KubernetesCall("watch", "GET", selection.target(parameters), selection.subject)
    }

    /// Sends the request, and passes its answer's parts on.
    private func receive(
        _ call: KubernetesCall, _ waiting: WatchBacklog, _ parts: AsyncStream<[UInt8]>.Continuation
    ) async -> Result<Void, KubernetesError> {
        do throws(KubernetesError) {
            let token = try token(for: call)
            var request = request(call, token)
            request.timeLimit = limits.watch + limits.watchGrace
            request.onBody = { part in
                guard waiting.add(part.count) else { return false }
                parts.yield(part)
                return true
            }
            let outcome: Result<HTTPResponse, HTTPError>
            do throws(HTTPError) {
                outcome = .success(try await sender.send(request))
            } catch {
                outcome = .failure(error)
            }
            do throws(KubernetesError) {
                _ = try answer(outcome, to: call)
            } catch {
                // The next watch uses the token that the file has then.
                if error.kind == .unauthorized { _ = drop(token) }
                throw error
            }
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    private func read(
        _ parts: AsyncStream<[UInt8]>, _ waiting: WatchBacklog, _ call: KubernetesCall, _ version: String,
        _ body: (WatchEvent) async -> Void
    ) async -> Result<String, KubernetesError> {
        var decoder = WatchDecoder(lineLimit: limits.object)
        var version = version
        for await part in parts {
            waiting.remove(part.count)
            let events: [WatchEvent]
            do throws(WatchDecoder.Malformed) {
                events = try decoder.events(in: part)
            } catch {
                return .failure(call.error(.malformed, error.description))
            }
            for event in events {
                if case .error(let status) = event { return .failure(failure(call, status)) }
                version = event.resourceVersion ?? version
                await body(event)
            }
        }
        // Half a line at the end has no event: the next watch from `version` brings it again.
        return .success(version)
    }

    private func failure(_ call: KubernetesCall, _ status: JSONObject) -> KubernetesError {
        let code = status["code"]?.integerValue.map { Int(clamping: $0) } ?? 500
        return KubernetesError(call.operation, status: code, body: JSONValue.object(status).encoded())
    }
}

/// The bytes of a watch that have arrived and are not yet read.
private final class WatchBacklog: Sendable {
    private let limit: Int
    private let bytes = Lock(0)

    init(limit: Int) { self.limit = limit }

    /// Adds bytes; false if there are too many.
    func add(_ count: Int) -> Bool {
        bytes.withLock { bytes in
            guard count <= limit - bytes else { return false }
            bytes += count
            return true
        }
    }

    func remove(_ count: Int) { bytes.withLock { $0 -= count } }
}

extension Result where Failure == KubernetesError {
    fileprivate var kind: KubernetesError.Kind? { if case .failure(let error) = self { error.kind } else { nil } }
}
