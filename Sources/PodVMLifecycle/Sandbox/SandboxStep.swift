/// A step in the life of a sandbox, as its record keeps it.
public struct SandboxStep: Hashable, Sendable {
    /// The kinds of steps. A struct, so that a record of a later version can be read.
    public struct Kind: Hashable, Sendable, RawRepresentable {
        /// The name in records.
        public let rawValue: String

        /// A kind of that name.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// CreateVM has begun.
        public static let preparing = Kind(rawValue: "preparing")
        /// CreateVM is done.
        public static let prepared = Kind(rawValue: "prepared")
        /// StartVM has begun.
        public static let creating = Kind(rawValue: "creating")
        /// The cloud is asked for the VM in a place.
        public static let trying = Kind(rawValue: "trying")
        /// The cloud refused a place.
        public static let refused = Kind(rawValue: "refused")
        /// The cloud could not provision a VM that had an address.
        public static let replaced = Kind(rawValue: "replaced")
        /// The VM has an address.
        public static let booting = Kind(rawValue: "booting")
        /// The agent has answered.
        public static let running = Kind(rawValue: "running")
        /// The VM that ran no longer exists.
        public static let failed = Kind(rawValue: "failed")
        /// The VM is being deleted.
        public static let deleting = Kind(rawValue: "deleting")
        /// The VM is deleted.
        public static let gone = Kind(rawValue: "gone")
        /// Something is missing that the pod starts without.
        public static let missing = Kind(rawValue: "missing")
    }

    /// The longest text of a step, in bytes.
    static let textLimit = 640
    /// The longest name of a kind or a place, and the longest code, in bytes.
    static let nameLimit = 96

    /// What happened.
    public let kind: Kind
    /// By the wall clock, in milliseconds since 1970.
    public let time: Int64
    /// The size and the zone; empty if the step has none.
    public let place: String
    /// The cloud's code of a failure; empty if there is none.
    public let code: String
    /// The reason, in the cloud's words; empty if there is none.
    public let detail: String

    /// A step; long texts lose their middle.
    public init(_ kind: Kind, at time: Int64, place: String = "", code: String = "", detail: String = "") {
        self.kind = Kind(rawValue: kind.rawValue.cut(to: Self.nameLimit))
        self.time = time
        self.place = place.cut(to: Self.nameLimit)
        self.code = code.cut(to: Self.nameLimit)
        self.detail = detail.cut(to: Self.textLimit)
    }
}

extension String {
    /// The text with at most `limit` bytes, and without the characters that JSON writes with more bytes than they have. The end
    /// stays: it has the cloud's request id.
    fileprivate func cut(to limit: Int) -> String {
        func part(_ scalars: some Sequence<Unicode.Scalar>, bytes: Int) -> [Unicode.Scalar] {
            var left = bytes
            return scalars.prefix { scalar in
                left -= UTF8.width(scalar)
                return left >= 0
            }
        }
        // Not a pass over the whole text: the cloud chooses its length.
        let kept =
            utf8.count <= limit
            ? Array(unicodeScalars)
            : part(unicodeScalars, bytes: limit - limit / 2) + ["…"]
                + part(unicodeScalars.reversed(), bytes: limit / 2 - 3).reversed()
        let clean = kept.map { scalar -> Unicode.Scalar in
            switch scalar {
            case "\"": "'"
            case "\\": "/"
            default: scalar.value < 0x20 || scalar.value == 0x7f ? " " : scalar
            }
        }
        return String(String.UnicodeScalarView(clean))
    }
}

/// The steps of one sandbox, in order. When there are too many, those between the first and the latest are forgotten.
struct StepHistory: Hashable, Sendable {
    /// The most steps. With the limits of a step, a record of that many is far below the limit of a record.
    static let limit = 32
    /// CreateVM and the first StartVM, with the first place.
    private static let kept = 4

    private(set) var steps: [SandboxStep] = []

    init(_ steps: [SandboxStep] = []) { for step in steps { append(step) } }

    mutating func append(_ step: SandboxStep) {
        if steps.count >= Self.limit { steps.remove(at: Self.kept) }
        steps.append(step)
    }
}
