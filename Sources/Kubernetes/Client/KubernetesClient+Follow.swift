package import JSON
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// What is known of the objects of a selection.
package enum FollowEvent: Equatable, Sendable {
    /// All objects that exist now. It comes at the start, and whenever changes may have been missed.
    case listed([JSONObject])
    /// A change after the list.
    case changed(WatchEvent)
    /// The objects cannot be read now; another try follows.
    case failed(KubernetesError)
}

extension KubernetesClient {
    /// The pause after the first failure of ``follow(_:_:)``, and the longest pause.
    private static let pauses = (first: Duration.seconds(1), longest: Duration.seconds(60))

    /// Lists objects and watches them, until cancelled. It continues after every failure, with back-off; after 410 and
    /// after a broken line it lists the objects again.
    package func follow(_ selection: ObjectSelection, _ body: (FollowEvent) async -> Void) async {
        var pause = Self.pauses.first
        var version: String?
        while !Task.isCancelled {
            do throws(KubernetesError) {
                if version == nil {
                    let list = try await list(selection)
                    await body(.listed(list.objects))
                    version = list.resourceVersion
                }
                var last = version ?? ""
                do throws(KubernetesError) {
                    last = try await watch(selection, from: last) { event in
                        last = event.resourceVersion ?? last
                        if case .bookmark = event { return }
                        await body(.changed(event))
                    }
                    version = last
                    pause = Self.pauses.first
                    continue
                } catch {
                    version = error.kind == .expired || error.kind == .malformed ? nil : last
                    throw error
                }
            } catch {
                if error.kind == .cancelled || Task.isCancelled { return }
                // The first 410 is no failure: the next list repairs it.
                if error.kind != .expired { await body(.failed(error)) }
                let step = max(pause, error.retryAfter ?? .zero)
                pause = min(pause * 2, Self.pauses.longest)
                do { try await clock.sleep(for: step / 2 + step / 2 * clock.random()) } catch { return }
            }
        }
    }
}
