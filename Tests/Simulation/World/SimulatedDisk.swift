internal import PodVMLifecycle

/// What the disk does with writes.
enum DiskCondition: Int {
    case healthy, full, readOnly, failing
}

/// The pods directory: what a reader sees, and what a power cut would leave.
struct SimulatedDisk {
    /// One sandbox's directory.
    struct Directory {
        let id: SandboxID
        /// The bytes of the record's file.
        var bytes: [UInt8]
        /// The record that was written; nil when a power cut or a bit flip damaged it.
        var record: SandboxRecord?
        /// The VXLAN number in `network.json`.
        var number: Int?
        /// Whether the boot document exists.
        var hasDocument = false
        /// Whether a gateway has marked the sandbox as stopped.
        var hasStopMark = false
        /// Whether a write to this directory has failed, after which memory and disk may differ.
        var hasFailedWrite = false

        /// The VM that the record names, or that it named before it was damaged; nil if the record says that there is
        /// no VM.
        func vmName(of pods: [Pod]) -> InstanceID? {
            guard let record else {
                return pods.first { $0.id == id }.map { VMName.make(pod: $0.request.podName, sandbox: id) }
            }
            return record.state.mayHaveVM ? record.state.vm : nil
        }
    }

    var condition = DiskCondition.healthy
    /// The directories, in the order of their creation.
    var directories: [Directory] = []
    /// The directories as the platter has them.
    private var durable: [Directory] = []

    func directory(of sandbox: SandboxID) -> Directory? { directories.first { $0.id == sandbox } }
    /// The state that a power cut would leave; nil if it would leave no record.
    func durableState(of sandbox: SandboxID) -> SandboxState? { durable.first { $0.id == sandbox }?.record?.state }

    /// Changes a sandbox's directory, if it exists.
    mutating func change(_ sandbox: SandboxID, _ body: (inout Directory) -> Void) {
        guard let index = directories.firstIndex(where: { $0.id == sandbox }) else { return }
        body(&directories[index])
    }

    mutating func create(_ record: SandboxRecord) {
        directories.append(Directory(id: record.id, bytes: record.encoded, record: record))
    }

    /// Replaces a record, and syncs as much as the event requires.
    mutating func write(_ record: SandboxRecord, toSurvive event: SurvivedEvent) {
        change(record.id) { directory in
            directory.bytes = record.encoded
            directory.record = record
        }
        guard let directory = directory(of: record.id) else { return }
        let place = durable.firstIndex { $0.id == record.id }
        switch event {
        case .processEnd: break
        case .powerCut:
            // Without the first sync, the directory itself is not on the platter.
            guard let place else { return }
            durable[place].bytes = directory.bytes
            durable[place].record = record
        case .firstPowerCut:
            if let place { durable[place] = directory } else { durable.append(directory) }
        }
    }

    /// Writes a stop mark, synced, if the sandbox has a directory.
    mutating func mark(_ sandbox: SandboxID) {
        change(sandbox) { $0.hasStopMark = true }
        if let place = durable.firstIndex(where: { $0.id == sandbox }) { durable[place].hasStopMark = true }
    }

    /// The sandboxes with a stop mark.
    var marked: [SandboxID] { directories.filter(\.hasStopMark).map(\.id) }

    /// Removes a directory. Unless the process crashes before the sync, the platter does not have it either.
    mutating func remove(_ sandbox: SandboxID, isSynced: Bool) {
        directories.removeAll { $0.id == sandbox }
        if isSynced { syncRemovals() }
    }

    /// No removed directory reappears after a power cut.
    mutating func syncRemovals() {
        let present = directories.map(\.id)
        durable.removeAll { !present.contains($0.id) }
    }

    /// Flips one bit of a record on the platter, and in what a reader sees.
    mutating func flipBit(_ bit: Int, of sandbox: SandboxID) {
        change(sandbox) { directory in
            directory.bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            directory.record = nil
        }
        guard let directory = directory(of: sandbox), let place = durable.firstIndex(where: { $0.id == sandbox })
        else { return }
        durable[place].bytes = directory.bytes
        durable[place].record = nil
    }

    /// Leaves what the platter has, and of the rest what happened to be written.
    mutating func cutPower(_ random: inout SeededRandom, _ count: (Fault) -> Void) {
        let before = directories
        directories = durable.filter { old in
            // A removal that was not synced may be undone.
            before.contains { $0.id == old.id } || random.chance(50)
        }
        for directory in before {
            let place = directories.firstIndex { $0.id == directory.id }
            if let place, directories[place].bytes == directory.bytes { continue }
            guard let survivor = Self.afterCut(directory, &random, count) else { continue }
            if let place { directories[place] = survivor } else { directories.append(survivor) }
        }
        durable = directories
    }

    /// What is left of a directory whose last write was not synced; nil: what the platter had.
    private static func afterCut(
        _ directory: Directory, _ random: inout SeededRandom, _ count: (Fault) -> Void
    ) -> Directory? {
        var survivor = directory
        switch random.below(8) {
        case 0...2: count(.lostRecord); return nil
        case 3:
            count(.emptyRecord)
            survivor.bytes = random.chance(50) ? [] : Array(repeating: 0, count: directory.bytes.count)
            survivor.record = nil
        case 4:
            count(.tornRecord)
            survivor.bytes = Array(directory.bytes.prefix(1 + random.below(max(1, directory.bytes.count - 2))))
            survivor.record = nil
        default: break
        }
        return survivor
    }

    /// Reads the records as `PodsDirectory` does.
    func load() -> LoadedRecords {
        var loaded = LoadedRecords()
        for directory in directories {
            if directory.hasStopMark { loaded.stopped.insert(directory.id) }
            if SandboxRecord.isUnsynced(directory.bytes) { loaded.unsynced.insert(directory.id) }
            do {
                loaded.records.append(try SandboxRecord(parsing: directory.bytes, of: directory.id))
            } catch {
                loaded.unreadable[directory.id] = error.description
            }
        }
        return loaded
    }
}
