internal import CloudAPIAdaptor
internal import LinuxIO

Process.run(CloudAPIAdaptorCommand.main(arguments:environment:))
