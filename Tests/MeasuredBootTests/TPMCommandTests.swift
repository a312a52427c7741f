import Encoding
import LinuxIO
import TestSupport
import Testing

@testable import MeasuredBoot

@Suite("TPMCommand")
struct TPMCommandTests {
    @Test(
        "extends and reads PCR 8 of a software TPM: the value is the computed one",
        .enabled(if: SoftwareTPM.isInstalled, "needs swtpm"))
    func software() async throws {
        try await onLoop { loop in
            let software = try await SoftwareTPM(on: loop)
            let tpm = try TPMDevice(software.path)
            let digest = try #require(
                Hexadecimal.decode("8505e4e25e50a27c5dc8147af88efbece627fbea55291911eff832d9ee127781"))
            #expect(try TPMCommand.value(of: 8, in: tpm.answer(to: TPMCommand.read(register: 8))) == .zero)
            try TPMCommand.checkExtended(tpm.answer(to: TPMCommand.extend(register: 8, with: digest)))
            let value = try TPMCommand.value(of: 8, in: tpm.answer(to: TPMCommand.read(register: 8)))
            #expect(try value == BootMeasurements.pcr8(initdataDigest: digest))
            // A register that the TPM does not have.
            let refused = try tpm.answer(to: TPMCommand.extend(register: 99, with: digest))
            #expect(throws: TPMError.self) { try TPMCommand.checkExtended(refused) }
        }
    }

    @Test("an answer that is cut, changed or too long is refused, and never crashes the reader")
    func hostile() throws {
        var answer = try #require(
            Hexadecimal.decode("80010000003e00000000" + "00000015" + "00000001000b03000100" + "000000010020"))
        answer += [UInt8](repeating: 0xAB, count: 32)
        #expect(try TPMCommand.value(of: 8, in: answer).bytes == [UInt8](repeating: 0xAB, count: 32))
        for length in 0..<answer.count {
            #expect(throws: TPMError.self) { try TPMCommand.value(of: 8, in: Array(answer.prefix(length))) }
        }
        for index in 2..<30 where !(10..<14).contains(index) {
            var changed = answer
            changed[index] ^= 0x40
            #expect(throws: TPMError.self, "\(index)") { try TPMCommand.value(of: 8, in: changed) }
        }
        #expect(throws: TPMError.self) { try TPMCommand.value(of: 8, in: answer + [0]) }
        #expect(throws: TPMError.self, "the value of another register") { try TPMCommand.value(of: 9, in: answer) }
        #expect(throws: TPMError.self) { try TPMCommand.checkExtended([UInt8](repeating: 0, count: 5000)) }
    }
}
