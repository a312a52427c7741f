internal import LinuxIO
internal import Simulation

Process.run(SimulateCommand.main(arguments:environment:))
