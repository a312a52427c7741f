/// The number of fields that may still be read, including the fields of nested messages.
///
/// A field takes two bytes on the wire, but its memory may be a hundred times as large. So a limit in bytes alone does
/// not limit the memory of a message.
public struct FieldBudget: Sendable {
    /// The fields of an envelope. Each metadata entry is one field. No caller needs more.
    public static let envelope = 1024
    /// The fields of a message: twice the number of environment variables that a container gets for five thousand
    /// services.
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
