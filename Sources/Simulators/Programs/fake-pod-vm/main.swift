internal import FakePodVM
internal import LinuxIO

Process.run(FakePodVMCommand.main(arguments:environment:))
