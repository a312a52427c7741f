internal import FakeKubernetes
internal import LinuxIO

Process.run(FakeKubernetesCommand.main(arguments:environment:))
