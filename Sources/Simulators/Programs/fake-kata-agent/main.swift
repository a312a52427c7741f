internal import FakeAgent
internal import LinuxIO

Process.run(FakeAgentCommand.main(arguments:environment:))
