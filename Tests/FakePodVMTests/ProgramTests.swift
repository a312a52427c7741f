import Configuration
import LinuxIO
import Testing

@testable import FakeAgent
@testable import FakePodVM

@Suite struct ProgramTests {
    /// The program's two outputs and its exit status.
    private func run(_ arguments: [String]) -> (said: String, complained: String, status: Int32) {
        let (said, complained) = (Lock(""), Lock(""))
        let output = Program.Output(
            standard: { text in said.withLock { $0 += text } }, error: { text in complained.withLock { $0 += text } })
        let status = FakePodVMCommand.program(output: output).run(arguments, environment: [:])
        return (said.withLock { $0 }, complained.withLock { $0 }, status)
    }

    @Test(
        "prints its help",
        arguments: [["--help"], ["boot", "-help"], ["agent", "--help"], ["die-with-parent", "-h"]])
    func help(arguments: [String]) {
        let result = run(arguments)
        #expect(result.status == 0 && result.complained.isEmpty)
        #expect(result.said.hasPrefix("Usage: fake-pod-vm"))
    }

    @Test(
        "refuses unknown commands and flags",
        arguments: [[], ["fly"], ["agent", "-x"], ["boot", "surplus"], ["die-with-parent"]])
    func refusal(arguments: [String]) {
        let result = run(arguments)
        #expect(result.status == 1 && result.said.isEmpty && !result.complained.isEmpty)
    }
}
