import Encoding
import LinuxIO
import TestSupport
import Testing

@testable import MeasuredBoot

@Suite("TPMCommand")
struct TPMCommandTests {
    @Test(
        "extends and reads PCR 8 of a software TPM: the value is the computed one",
        .enabled(if: Tool.areInstalled("swtpm"), "needs swtpm"))
    func software() throws {
        try EpollLoop.run { loop in
            let directory = try TemporaryDirectory()
            var options = ChildProcess.Options(
                executable: try #require(Tool.named("swtpm")).path,
                arguments: [
                    "socket", "--tpm2", "--tpmstate", "dir=\(directory.path)", "--server",
                    "type=unixio,path=\(directory.path)/tpm", "--flags", "startup-clear",
                ])
            options.output = .null
            options.error = .null
            let process = try ChildProcess.start(options, on: loop)
            defer { process.signal(9) }
            let deadline = ContinuousClock.now + .seconds(20)
            var stream: Stream?
            while stream == nil {
                stream = try? await Stream.connect(to: directory.socket("tpm"), on: loop)
                guard ContinuousClock.now < deadline else { throw ToolFailure(text: "swtpm does not serve") }
                if stream == nil { try await loop.sleep(for: .milliseconds(10)) }
            }
            let tpm = try #require(stream)
            func answer(to command: [UInt8]) async throws -> [UInt8] {
                try await tpm.write(command)
                return try await tpm.read(upTo: TPMCommand.answerLimit)
            }
            let digest = try #require(
                Hexadecimal.decode("8505e4e25e50a27c5dc8147af88efbece627fbea55291911eff832d9ee127781"))
            #expect(try TPMCommand.value(in: await answer(to: TPMCommand.read(register: 8))) == .zero)
            try TPMCommand.checkExtended(await answer(to: TPMCommand.extend(register: 8, with: digest)))
            let value = try TPMCommand.value(in: await answer(to: TPMCommand.read(register: 8)))
            #expect(try value == BootMeasurements.pcr8(initdataDigest: digest))
            // A register that the TPM does not have.
            let refused = try await answer(to: TPMCommand.extend(register: 99, with: digest))
            #expect(throws: TPMError.self) { try TPMCommand.checkExtended(refused) }
            tpm.close()
        }
    }

    @Test("an answer that is cut, changed or too long is refused, and never crashes the reader")
    func hostile() throws {
        var answer = try #require(
            Hexadecimal.decode("80010000003e00000000" + "00000015" + "00000001000b03000100" + "000000010020"))
        answer += [UInt8](repeating: 0xAB, count: 32)
        #expect(try TPMCommand.value(in: answer).bytes == [UInt8](repeating: 0xAB, count: 32))
        for length in 0..<answer.count {
            #expect(throws: TPMError.self) { try TPMCommand.value(in: Array(answer.prefix(length))) }
        }
        for index in 2..<30 where !(10..<14).contains(index) {
            var changed = answer
            changed[index] ^= 0x40
            #expect(throws: TPMError.self, "\(index)") { try TPMCommand.value(in: changed) }
        }
        #expect(throws: TPMError.self) { try TPMCommand.value(in: answer + [0]) }
        #expect(throws: TPMError.self) { try TPMCommand.checkExtended([UInt8](repeating: 0, count: 5000)) }
    }
}
