internal import AgentProtocolForwarder
internal import LinuxIO

Process.run(ForwarderCommand.main(arguments:environment:))
