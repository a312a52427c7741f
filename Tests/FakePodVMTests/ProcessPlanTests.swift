import Testing

@testable import FakePodVM

@Suite struct ProcessPlanTests {
    @Test("looks for a plain name along the process's own PATH")
    func path() {
        let plan = ProcessPlan(arguments: ["ls"], environment: ["PATH=/a:/b"])
        #expect(plan.candidates == ["/a/ls", "/b/ls"])
        #expect(ProcessPlan(arguments: ["ls"]).candidates.contains("/usr/bin/ls"))
    }

    @Test("takes a name with a slash as it is, from the working directory if it is relative")
    func slash() {
        #expect(ProcessPlan(arguments: ["/bin/ls"]).candidates == ["/bin/ls"])
        #expect(ProcessPlan(arguments: ["./run"], workingDirectory: "/srv").candidates == ["/srv/./run"])
        #expect(ProcessPlan(arguments: ["bin/run"]).candidates == ["//bin/run"])
    }

    @Test("has nothing to run without a first argument", arguments: [[], [""]])
    func nothing(arguments: [String]) {
        #expect(ProcessPlan(arguments: arguments).candidates.isEmpty)
    }
}
