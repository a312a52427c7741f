internal import HTTPTransport
internal import JSON
internal import LinuxIO

extension FakeKubernetes {
    func watch(
        _ request: HTTPRequest, _ route: APIRoute, _ faults: [APIFault]
    ) throws(APIStatus) -> HTTPResponse {
        var fields = request.query("fieldSelector")
        if let name = route.name { fields = "metadata.name=\(name)" }
        let watch = ObjectWatch(
            resource: route.resource, namespace: route.namespace,
            selectors: try Selectors(fields: fields, labels: request.query("labelSelector"), for: route.resource))
        let text = request.query("resourceVersion") ?? ""
        guard text.isEmpty || Int64(text) != nil else { throw .badRequest("invalid resource version: \(text)") }
        let from = Int64(text) ?? 0
        let bookmarks = request.isTrue("allowWatchBookmarks")
        let id = begin(watch, from: from, marksEnd: request.isTrue("sendInitialEvents"), faults)
        if let id {
            let seconds = request.query("timeoutSeconds").flatMap { Int64($0) } ?? 1800
            watchers.start { await self.end(id, watch, after: .seconds(max(1, min(seconds, 3600))), bookmarks) }
        }
        var response = HTTPResponse(status: 200, headers: ["Content-Type": "application/json"])
        response.stream = watch.stream
        return response
    }

    /// Registers the watch, and writes what it has missed. Nil if the watch has ended already.
    private func begin(
        _ watch: ObjectWatch, from version: Int64, marksEnd: Bool, _ faults: [APIFault]
    ) -> UInt64? {
        let actions = faults.map(\.action)
        return state.withLock { state in
            if version != 0, version < state.store.oldestVersion || actions.contains(.expire) {
                let status = APIStatus(410, "Expired", "too old resource version: \(version)")
                watch.stream.write(ObjectWatch.line("ERROR", status.json))
                watch.stream.finish()
                return nil
            }
            if version == 0 {
                for (_, object) in state.store.list(watch.resource, in: watch.namespace)
                where watch.selectors.match(watch.resource.shown(object)) {
                    watch.stream.write(watch.line(existing: object))
                }
                if marksEnd { watch.stream.write(watch.bookmark(state.store.version, isInitialEnd: true)) }
            } else {
                for change in state.store.changes where change.version > version {
                    if let line = watch.line(change) { watch.stream.write(line) }
                }
            }
            for case .oversize(let bytes) in actions {
                watch.stream.write(Self.padded(ObjectWatch.line("MODIFIED", ["metadata": [:]]), bytes))
            }
            if actions.contains(.cut) {
                watch.stream.write(Array(#"{"type":"MODIFIED","object":{"metadata":{"na"#.utf8))
                watch.stream.finish()
                return nil
            }
            state.nextWatch += 1
            state.watches[state.nextWatch] = watch
            return state.nextWatch
        }
    }

    /// Ends the watch after its time, with a bookmark, or when its client has gone.
    private func end(_ id: UInt64, _ watch: ObjectWatch, after time: Duration, _ hasBookmarks: Bool) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await self.loop.sleep(for: time) }
            group.addTask { await watch.stream.isClosed.wait() }
            await group.next()
            group.cancelAll()
        }
        state.withLock { state in
            state.watches[id] = nil
            if hasBookmarks { watch.stream.write(watch.bookmark(state.store.version)) }
        }
        watch.stream.finish()
    }
}
