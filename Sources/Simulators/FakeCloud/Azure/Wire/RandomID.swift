internal import Encoding

/// Random names.
enum RandomID {
    /// A random UUID in Azure's form.
    static func guid() -> String { UUID4.random() }

    /// 256 random bits in hexadecimal.
    static func token() -> String { Hexadecimal.encode((0..<32).map { _ in UInt8.random(in: .min ... .max) }) }
}
