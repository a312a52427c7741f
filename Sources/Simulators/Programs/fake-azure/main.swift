internal import FakeAzureProgram
internal import LinuxIO

Process.run(FakeAzureCommand.main(arguments:environment:))
