/// How much a client takes from its server.
public struct ClientLimits: Sendable {
    /// Bytes of an answer; a longer one fails its call with RESOURCE_EXHAUSTED.
    public var answerBytes = Frame.payloadLimit
    /// Fields of an answer that is read as a message; one with more fails its call with INTERNAL.
    public var answerFields = FieldBudget.message

    /// What suits a server that is trusted.
    public static let standard = ClientLimits()

    /// What suits a server in a pod VM, whose owner may be anyone: its answers have a few kilobytes, its network's state at
    /// most some thousand fields.
    public static let untrusted: ClientLimits = {
        var limits = ClientLimits()
        limits.answerBytes = 256 << 10
        limits.answerFields = 8192
        return limits
    }()

    /// The standard limits, to be changed one by one.
    public init() {}
}
