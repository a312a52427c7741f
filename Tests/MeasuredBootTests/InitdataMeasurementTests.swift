import Encoding
import LinuxIO
import TestSupport
import Testing

@testable import MeasuredBoot

@Suite("Measurement of the initdata")
struct InitdataMeasurementTests {
    private static let digest = [UInt8](0..<32)

    /// A TPM that answers each command as `answers` says, and knows the commands that it got.
    private final class ScriptedTPM: TPMTransport {
        private(set) var commands: [[UInt8]] = []
        private var answers: [[UInt8]]

        init(_ answers: [UInt8]...) { self.answers = answers }

        func answer(to command: [UInt8]) throws(TPMError) -> [UInt8] {
            commands.append(command)
            return answers.isEmpty ? [] : answers.removeFirst()
        }
    }

    private static func pcr(_ value: PCRValue, register: UInt8 = 8) -> [UInt8] {
        let selection: [UInt8] = register < 8 ? [1 << register, 0, 0] : [0, 1 << (register - 8), 0]
        return [0x80, 1, 0, 0, 0, 62, 0, 0, 0, 0, 0, 0, 0, 21, 0, 0, 0, 1, 0, 11, 3] + selection
            + [0, 0, 0, 1, 0, 32] + value.bytes
    }

    private static let done: [UInt8] = [0x80, 2, 0, 0, 0, 19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]

    @Test("extends PCR 8 once, between two readings, and returns the computed value")
    func order() throws {
        let expected = try BootMeasurements.pcr8(initdataDigest: Self.digest)
        let tpm = ScriptedTPM(Self.pcr(.zero), Self.done, Self.pcr(expected))
        #expect(try InitdataMeasurement.extend(tpm, withDigest: Self.digest) == expected)
        let read = TPMCommand.read(register: 8)
        #expect(tpm.commands == [read, TPMCommand.extend(register: 8, with: Self.digest), read])
    }

    @Test("does not extend a register that is not zero")
    func used() throws {
        let other = try BootMeasurements.pcr8(initdataDigest: [1])
        let tpm = ScriptedTPM(Self.pcr(other), Self.done, Self.pcr(other))
        let error = #expect(throws: TPMError.self) {
            try InitdataMeasurement.extend(tpm, withDigest: Self.digest)
        }
        #expect(error?.reason.contains("PCR 8 is \(other) before the measurement") == true)
        #expect(tpm.commands.count == 1)
        #expect(throws: TPMError.self) { try InitdataMeasurement.checkUntouched(ScriptedTPM(Self.pcr(other))) }
        try InitdataMeasurement.checkUntouched(ScriptedTPM(Self.pcr(.zero)))
    }

    @Test("refuses a TPM that lies, fails or does not answer")
    func hostile() throws {
        let (zero, expected) = (Self.pcr(.zero), Self.pcr(try BootMeasurements.pcr8(initdataDigest: Self.digest)))
        var failed = Self.done
        failed[9] = 1
        let scripts: [ScriptedTPM] = [
            // It says that it extended, and did not; it has another value; it answers with another register.
            .init(zero, Self.done, zero), .init(zero, Self.done, Self.pcr(try .zero.extended(with: Self.digest + [0]))),
            .init(zero, Self.done, Self.pcr(try BootMeasurements.pcr8(initdataDigest: Self.digest), register: 9)),
            .init(Self.pcr(.zero, register: 7), Self.done, expected),
            // A failure, no answer, an answer to another command, too many bytes.
            .init(zero, failed, expected), .init(), .init(zero), .init(zero, Self.done),
            .init(zero, [UInt8](repeating: 0xFF, count: 4096), expected), .init(zero + [0], Self.done, expected),
            .init(zero, Self.done, Array(expected.dropLast())),
        ]
        for (index, tpm) in scripts.enumerated() {
            #expect(throws: TPMError.self, "script \(index)") {
                try InitdataMeasurement.extend(tpm, withDigest: Self.digest)
            }
        }
    }

    @Test(
        "a software TPM has the computed value afterwards, and refuses a second measurement",
        .enabled(if: SoftwareTPM.isInstalled, "needs swtpm"))
    func software() async throws {
        try await onLoop { loop in
            let software = try await SoftwareTPM(on: loop)
            let tpm = try TPMDevice(software.path)
            try InitdataMeasurement.checkUntouched(tpm)
            let expected = try BootMeasurements.pcr8(initdataDigest: Self.digest)
            #expect(try InitdataMeasurement.extend(tpm, withDigest: Self.digest) == expected)
            #expect(throws: TPMError.self) { try InitdataMeasurement.extend(tpm, withDigest: Self.digest) }
            #expect(try TPMCommand.value(of: 8, in: tpm.answer(to: TPMCommand.read(register: 8))) == expected)
        }
    }

    @Test("a device that is missing, that hangs up, that says nothing or too much, is an error")
    func devices() async throws {
        #expect(throws: TPMError.self) { try TPMDevice("/dev/does-not-exist") }
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            for (index, answer) in [[], [UInt8](repeating: 0xFF, count: 5000), Self.pcr(.zero).dropLast()].enumerated()
            {
                let path = "\(directory.path)/\(index)"
                let listener = try Listener.listen(on: .unix(path: path), loop: loop)
                let tpm = try TPMDevice(path, patience: .seconds(1))
                let peer = try await listener.accept()
                if !answer.isEmpty { try await peer.write(Array(answer)) }
                // The last one is an answer that never ends.
                if index == 0 { peer.close() }
                #expect(throws: TPMError.self, "\(index)") { try InitdataMeasurement.checkUntouched(tpm) }
                peer.close()
            }
        }
    }
}
