/// The two commands of a TPM 2.0 that a guest needs to measure its initdata, as bytes for `/dev/tpmrm0`.
///
/// One write has one command, one read has its answer (TPM 2.0 Part 3, "PCR_Extend" and "PCR_Read"; all numbers are
/// big-endian). Only the SHA-256 bank is used.
public enum TPMCommand {
    /// The longest answer that is read, in bytes. Answers to these commands have at most 62.
    static let answerLimit = 4096

    private static let sha256: UInt16 = 0x000B

    /// Extends a register, 0 to 23, with 32 bytes. The authorization is the empty password.
    public static func extend(register: Int, with digest: [UInt8]) -> [UInt8] {
        var command: [UInt8] = []
        command.append(big: UInt16(0x8002))
        command.append(big: UInt32(33 + digest.count))
        command.append(big: UInt32(0x0000_0182))
        command.append(big: UInt32(register))
        command.append(big: UInt32(9))
        command.append(big: UInt32(0x4000_0009))
        command += [0, 0, 0, 0, 0]
        command.append(big: UInt32(1))
        command.append(big: sha256)
        return command + digest
    }

    /// Reads a register, 0 to 23.
    public static func read(register: Int) -> [UInt8] {
        var command: [UInt8] = []
        command.append(big: UInt16(0x8001))
        command.append(big: UInt32(20))
        command.append(big: UInt32(0x0000_017E))
        command.append(big: UInt32(1))
        command.append(big: sha256)
        command.append(UInt8(3))
        return command + selection(of: register)
    }

    /// The bitmap that selects one register.
    private static func selection(of register: Int) -> [UInt8] {
        (0..<3).map { register / 8 == $0 ? 1 << UInt8(register % 8) : 0 }
    }

    /// Checks the answer to ``extend(register:with:)``.
    ///
    /// - Throws: ``TPMError``.
    static func checkExtended(_ answer: [UInt8]) throws(TPMError) { _ = try body(of: answer, "PCR_Extend") }

    /// The value in the answer to ``read(register:)`` for this register.
    ///
    /// - Throws: ``TPMError``, also when the TPM has no SHA-256 bank, or answers with another register.
    public static func value(of register: Int, in answer: [UInt8]) throws(TPMError) -> PCRValue {
        let body = Bytes(try body(of: answer, "PCR_Read"))
        // An update counter, the selection (one bank with three bytes), one digest of 32 bytes.
        guard body.big(at: 4, UInt32.self) == 1, body.big(at: 8, UInt16.self) == sha256, body.slice(at: 10, 1) == [3],
            body.slice(at: 11, 3).map(Array.init) == selection(of: register), body.big(at: 14, UInt32.self) == 1,
            body.big(at: 18, UInt16.self) == 32, body.count == 52,
            let value = body.slice(at: 20, 32).flatMap({ PCRValue($0) })
        else { throw TPMError("PCR_Read", "the answer has no value of PCR \(register) in the SHA-256 bank") }
        return value
    }

    /// The answer after its header.
    private static func body(of answer: [UInt8], _ command: String) throws(TPMError) -> ArraySlice<UInt8> {
        let reader = Bytes(answer)
        guard answer.count <= answerLimit, let size = reader.big(at: 2, UInt32.self),
            let code = reader.big(at: 6, UInt32.self), Int(size) == answer.count
        else { throw TPMError(command, "the answer of \(answer.count) bytes is not an answer of a TPM 2.0") }
        guard code == 0 else { throw TPMError(command, "the TPM answered with code 0x\(String(code, radix: 16))") }
        return answer.dropFirst(10)
    }
}

/// The reason why a TPM did not do what a command requests.
public struct TPMError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The command.
    public let command: String
    /// The reason, as a clause.
    public let reason: String

    init(_ command: String, _ reason: String) {
        self.command = command
        self.reason = reason
    }

    /// The command and the reason.
    public var description: String { "\(command): \(reason)" }
}
