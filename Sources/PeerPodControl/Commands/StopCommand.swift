internal import Configuration
internal import KataProtocol
internal import LinuxIO
internal import PeerPodProtocol
internal import PodNetwork
internal import TTRPC
internal import Telemetry

/// What the flags of `peerpodctl stop` fill in.
struct StopOptions: Sendable {
    var socket = HypervisorOptions.defaultSocket
    var stopsAll = false

    static let command = Command(
        "peerpodctl stop", summary: "stop sandboxes, as a shim that is no more would have",
        details: """
            Each sandbox is named as `peerpodctl status` shows it: the beginning of its id is enough while no other \
            begins alike. The adaptor answers when it has recorded the end and closed the tunnel; the VM's deletion goes on \
            until the cloud has confirmed it. A pod that kubelet still wants is made anew by kubelet. As root it also \
            removes the network namespaces that `peerpodctl run -network` has left when it was killed.
            """,
        operands: "SANDBOX...", defaults: StopOptions(),
        sections: [
            .init(
                "Flags",
                [
                    HypervisorOptions.socket(\.socket),
                    Setting("all", \.stopsAll, .bool, "Every sandbox on record, instead of those named."),
                ])
        ])

    /// Which of the sandboxes on record the operands mean.
    ///
    /// - Throws: ``PodFailure`` when one means none, or several.
    func selection(_ operands: [String], of onRecord: [String]) throws(PodFailure) -> [String] {
        if stopsAll { return onRecord }
        var chosen: [String] = []
        for operand in operands {
            let matches = onRecord.contains(operand) ? [operand] : onRecord.filter { $0.hasPrefix(operand) }
            guard let match = matches.first, matches.count == 1, !operand.isEmpty else {
                throw PodFailure(
                    operation: "stop",
                    message: "\"\(operand)\" begins the id of \(matches.isEmpty ? "no sandbox" : "several sandboxes")",
                    advice: "peerpodctl status -json shows the ids in full.")
            }
            if !chosen.contains(match) { chosen.append(match) }
        }
        return chosen
    }
}

/// `peerpodctl stop`, once its flags are read.
struct StopCommand: Sendable {
    let options: StopOptions
    let operands: [String]
    let output: Program.Output

    /// Stops the sandboxes one after the other; returns the exit status.
    func run() -> Int32 {
        Signals.ignoreBrokenPipes()
        do {
            return try EpollLoop.run { loop in
                let status = await stop(on: loop)
                // What stopped with its run has left a namespace, too.
                if NetworkCapabilities.ofThisProcess().missing.isEmpty {
                    try? await ClusterNetwork(in: .ofThisProcess(), on: loop).clear()
                }
                return status
            }
        } catch {
            output.error("peerpodctl stop: \(error)\n")
            return ExitStatus.failure
        }
    }

    func stop(on loop: EpollLoop) async -> Int32 {
        let socket = HypervisorSocket(path: options.socket, loop: loop)
        var status = ExitStatus.success
        do {
            let onRecord = try await socket.call(Sandboxes.list, Empty(), timeout: .seconds(10)).sandboxes.map(\.id)
            for id in try options.selection(operands, of: onRecord) {
                do {
                    _ = try await socket.call(Hypervisor.stopVM, .with { $0.id = id }, timeout: .seconds(60))
                    output.standard("\(id.printable())\n")
                } catch let failure as PodFailure {
                    // The others are not to wait for what is the matter with this one.
                    output.error(failure.text(of: "peerpodctl stop"))
                    status = ExitStatus.failure
                }
            }
            return status
        } catch let failure as PodFailure {
            output.error(failure.text(of: "peerpodctl stop"))
            return ExitStatus.failure
        } catch {
            return ExitStatus.interrupted
        }
    }
}
