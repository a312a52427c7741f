internal import Encoding
internal import TLS

/// The value of a platform configuration register (PCR) of a TPM, in the SHA-256 bank.
public struct PCRValue: Hashable, Sendable, CustomStringConvertible {
    /// The value: 32 bytes.
    public let bytes: [UInt8]

    /// The value after a reset.
    public static let zero = PCRValue(bytes: [UInt8](repeating: 0, count: 32))

    /// Takes a value from a TPM; nil if it does not have 32 bytes.
    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == 32 else { return nil }
        self.init(bytes: Array(bytes))
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// The value after the TPM has extended the register with `digest` (TPM 2.0 Part 1, "PCR Operations").
    ///
    /// - Throws: ``TLSError`` from OpenSSL.
    func extended(with digest: [UInt8]) throws(TLSError) -> PCRValue {
        PCRValue(bytes: try HashFunction.sha256.hash(of: bytes + digest))
    }

    /// The value after the TPM has extended the register with the hash of `event`.
    func extended(withHashOf event: some Collection<UInt8>) throws(TLSError) -> PCRValue {
        try extended(with: try HashFunction.sha256.hash(of: event))
    }

    /// The value in hexadecimal, in lower case.
    public var description: String { Hexadecimal.encode(bytes) }
}
