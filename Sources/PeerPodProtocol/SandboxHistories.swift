public import TTRPC

extension Sandboxes {
    /// The life of a pod's sandboxes, also of those that ended lately.
    public static let history = Method<HistoryRequest, SandboxHistories>(service, "History")
}

/// Names the sandboxes whose history is requested.
public struct HistoryRequest: Message {
    /// A pod's name, `namespace/name`, or a sandbox's id or its beginning. Empty: the latest sandboxes of all pods.
    public var name = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &name) }
}

/// Histories, oldest first.
public struct SandboxHistories: Message {
    /// The histories.
    public var sandboxes: [SandboxHistoryStatus] = []

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.messages(1, &sandboxes) }
}

/// The life of one sandbox.
public struct SandboxHistoryStatus: Message {
    /// The sandbox as it is, or as it was at its end.
    public var sandbox: SandboxStatus?
    /// Whether the sandbox and its VM are gone.
    public var hasEnded = false
    /// Why the VM has its size, as a clause.
    public var sizeReason = ""
    /// The steps, oldest first.
    public var steps: [HistoryStep] = []

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.message(1, &sandbox)
        fields.bool(2, &hasEnded)
        fields.string(3, &sizeReason)
        fields.messages(4, &steps)
    }
}

/// A step in the life of a sandbox.
public struct HistoryStep: Message {
    /// `preparing`, `prepared`, `creating`, `trying`, `refused`, `replaced`, `booting`, `running`, `failed`, `deleting`,
    /// `gone` or `missing`.
    public var step = ""
    /// Milliseconds of Unix time.
    public var time: Int64 = 0
    /// The size and the zone; empty if the step has none.
    public var place = ""
    /// The cloud's code of a failure.
    public var code = ""
    /// The reason, in the cloud's words.
    public var detail = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &step)
        fields.integer(2, &time)
        fields.string(3, &place)
        fields.string(4, &code)
        fields.string(5, &detail)
    }
}
