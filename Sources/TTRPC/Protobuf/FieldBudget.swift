/// How many fields may still be read, those of the messages inside of a message included.
///
/// A field takes two bytes on the wire, and what it becomes in memory may take a hundred times as much: a limit in bytes
/// alone does not bound what a message costs.
public struct FieldBudget: Sendable {
    /// Fields of an envelope, of which each metadata entry is one: more than any caller has to say beside its request.
    public static let envelope = 1024
    /// Fields of a message: twice the environment of a container that is told of five thousand services.
    public static let message = 65_536

    private let limit: Int
    private var left: Int

    /// A budget of `limit` fields.
    public init(_ limit: Int) { (self.limit, left) = (limit, limit) }

    /// Counts `count` more fields.
    ///
    /// - Throws: ``ProtobufError/tooManyFields(limit:)``.
    public mutating func take(_ count: Int = 1) throws(ProtobufError) {
        left -= count
        if left < 0 { throw .tooManyFields(limit: limit) }
    }
}
