import Configuration
import LinuxIO
import Testing

@testable import FakePodVM

@Suite struct ProgramTests {
    /// What the program says on its two outputs, and its exit status.
    private func run(_ arguments: [String]) -> (said: String, complained: String, status: Int32) {
        let (said, complained) = (Lock(""), Lock(""))
        let output = Program.Output(
            standard: { text in said.withLock { $0 += text } }, error: { text in complained.withLock { $0 += text } })
        let status = FakePodVMCommand.program(output: output).run(arguments, environment: [:])
        return (said.withLock { $0 }, complained.withLock { $0 }, status)
    }

    @Test("says how it is used", arguments: [["--help"], ["boot", "-help"], ["agent", "--help"], ["tether", "-h"]])
    func help(arguments: [String]) {
        let result = run(arguments)
        #expect(result.status == 0 && result.complained.isEmpty)
        #expect(result.said.hasPrefix("Usage: fake-pod-vm"))
    }

    @Test(
        "refuses what it does not know", arguments: [[], ["fly"], ["agent", "-x"], ["boot", "surplus"], ["tether"]])
    func refusal(arguments: [String]) {
        let result = run(arguments)
        #expect(result.status == 1 && result.said.isEmpty && !result.complained.isEmpty)
    }
}
