internal import LinuxIO
internal import PeerPodControl

Process.run(PeerPodControlCommand.main(arguments:environment:))
