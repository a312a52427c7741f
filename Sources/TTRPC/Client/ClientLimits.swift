/// The limits of a client for the answers of its server.
public struct ClientLimits: Sendable {
    /// The maximum bytes of an answer. A longer answer fails its call with RESOURCE_EXHAUSTED.
    public var answerBytes = Frame.payloadLimit
    /// The maximum fields of an answer that is parsed as a message. An answer with more fields fails its call with
    /// INTERNAL.
    public var answerFields = FieldBudget.message

    /// The limits for a trusted server.
    public static let standard = ClientLimits()

    /// The limits for a server in a pod VM, whose owner is not trusted. Its answers have a few kilobytes. The state of
    /// its network has at most some thousand fields.
    public static let untrusted: ClientLimits = {
        var limits = ClientLimits()
        limits.answerBytes = 256 << 10
        limits.answerFields = 8192
        return limits
    }()

    /// Makes the standard limits. The caller can change each limit.
    public init() {}
}
