import Testing

@testable import FakeAgent

@Suite struct ProcessPlanTests {
    @Test("searches a plain name in the process's PATH")
    func path() {
        let plan = ProcessPlan(arguments: ["ls"], environment: ["PATH=/a:/b"])
        #expect(plan.candidates == ["/a/ls", "/b/ls"])
        #expect(ProcessPlan(arguments: ["ls"]).candidates.contains("/usr/bin/ls"))
    }

    @Test("uses a name with a slash as a path, relative to the working directory")
    func slash() {
        #expect(ProcessPlan(arguments: ["/bin/ls"]).candidates == ["/bin/ls"])
        #expect(ProcessPlan(arguments: ["./run"], workingDirectory: "/srv").candidates == ["/srv/./run"])
        #expect(ProcessPlan(arguments: ["bin/run"]).candidates == ["//bin/run"])
    }

    @Test("is refused without a first argument", arguments: [[], [""]])
    func nothing(arguments: [String]) {
        #expect(ProcessPlan(arguments: arguments).candidates.isEmpty)
    }
}
