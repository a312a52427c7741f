internal import LinuxIO

/// Executes commands of a TPM 2.0.
public protocol TPMTransport {
    /// Sends a command and returns the bytes of the answer, unchecked.
    ///
    /// - Throws: ``TPMError`` when there is no answer.
    func answer(to command: [UInt8]) throws(TPMError) -> [UInt8]
}

/// A TPM of this machine, by the kernel's device; or a software TPM's Unix socket, which takes the same bytes.
public struct TPMDevice: TPMTransport {
    private let device: CommandDevice
    private let path: String
    private let patience: Duration

    /// The kernel's device with a resource manager.
    public static let path = "/dev/tpmrm0"
    /// The size of an answer's header: tag, size, code.
    private static let headerSize = 10

    /// Opens a TPM. `patience` limits the wait for each part of an answer.
    ///
    /// - Throws: ``TPMError``.
    public init(_ path: String = path, patience: Duration = .seconds(30)) throws(TPMError) {
        self.path = path
        self.patience = patience
        do throws(SystemCallError) {
            device = try CommandDevice(path)
        } catch {
            throw TPMError("opening the TPM", "\(error)")
        }
    }

    /// Sends a command and reads its answer: as many bytes as its header says, and at most `TPMCommand.answerLimit`.
    public func answer(to command: [UInt8]) throws(TPMError) -> [UInt8] {
        do throws(SystemCallError) {
            try device.write(command)
            var answer: [UInt8] = []
            // A device returns the answer in one piece, a socket may not.
            while answer.count < Self.size(of: answer) {
                let part = try device.read(upTo: TPMCommand.answerLimit + 1 - answer.count, within: patience)
                if part.isEmpty { break }
                answer += part
            }
            return answer
        } catch {
            throw TPMError("the TPM \(path)", "\(error)")
        }
    }

    /// The size of the answer that begins with these bytes.
    private static func size(of answer: [UInt8]) -> Int {
        guard answer.count >= headerSize, let size = Bytes(answer).big(at: 2, UInt32.self) else { return headerSize }
        return min(Int(size), TPMCommand.answerLimit + 1)
    }
}
