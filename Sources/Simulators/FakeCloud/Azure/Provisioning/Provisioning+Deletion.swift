internal import JSON
internal import LinuxIO
internal import Telemetry

extension Provisioning {
    /// Begins to delete the machine of a VM, and then its resources.
    func startDeletion(_ id: FakeResourceID, received: WallTime) {
        let (machine, previous, delay) = store.withContent { content in
            (content.state.machines[id], children.withLock { $0[id] }, content.scenario.delays.delete)
        }
        guard let machine else { return }
        previous?.cancel()
        let child = work.start {
            // The earlier work could still power the machine on.
            await previous?.finished()
            do {
                if delay > .zero { try await self.loop.sleep(until: received.instant(plus: delay)) }
                try Task.checkCancellation()
                await self.metadata.endGuestServer(id)
                try await self.machines.remove(machine.machineName)
            } catch is CancellationError {
                return
            } catch is LoopStopped {
                return
            } catch {
                self.logger.warning("VM \(id.name) cannot be removed", [LogField("error", error)])
                let fault = FakeARMFault(
                    200, "InternalExecutionError", "An internal execution error occurred: \(error)")
                return self.store.change { $0.state.failDeletion(id, fault, at: .now) }
            }
            let linger = self.store.withContent { $0.scenario.delays.linger }
            var left: [FakeResourceID] = []
            self.store.change { content in
                left = content.state.finishDeletion(id, lingers: linger > .zero, at: .now)
                self.children.withLock { $0[id] = nil }
            }
            self.logger.info("VM \(id.name) is deleted")
            guard !left.isEmpty, (try? await self.loop.sleep(for: linger)) != nil else { return }
            let swept = left
            self.store.change { $0.state.sweep(swept) }
        }
        children.withLock { $0[id] = child }
    }
}
