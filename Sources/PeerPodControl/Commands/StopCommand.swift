internal import Configuration
internal import KataProtocol
internal import LinuxIO
internal import PeerPodProtocol
internal import PodNetwork
internal import TTRPC
internal import Telemetry

/// The values of the flags of `peerpodctl stop`.
struct StopOptions: Sendable {
    var socket = HypervisorOptions.defaultSocket
    var stopsAll = false

    static let command = Command(
        "peerpodctl stop", summary: "stop sandboxes whose shim has exited",
        details: """
            Names each sandbox by its pod's name, by namespace/name, or by its id or the beginning of its id, as \
            `peerpodctl status` shows them. If a name fits several sandboxes, none is stopped, and the error lists them. \
            The adaptor answers when it has recorded the deletion and closed the tunnel; it deletes the VM in the \
            background, until the cloud confirms that the VM is gone. If kubelet still wants the pod, kubelet creates it \
            again. As root, the command also removes the network namespaces that a killed `peerpodctl run -network` has \
            left behind.
            """,
        operands: "POD...", defaults: StopOptions(),
        sections: [
            .init(
                "Flags",
                [
                    HypervisorOptions.socket(\.socket),
                    Setting("all", \.stopsAll, .bool, "All sandboxes, instead of named ones."),
                ])
        ])

    /// The ids of the sandboxes that the operands name, in their order.
    ///
    /// - Throws: ``PodFailure`` when an operand names no sandbox, or several.
    func selection(_ operands: [String], of list: SandboxList) throws(PodFailure) -> [String] {
        if stopsAll { return list.sandboxes.map(\.id) }
        var chosen: [String] = []
        for operand in operands {
            let id = try list.sandbox(named: operand).id
            if !chosen.contains(id) { chosen.append(id) }
        }
        return chosen
    }
}

/// `peerpodctl stop`, after its flags have been read.
struct StopCommand: Sendable {
    let options: StopOptions
    let operands: [String]
    let output: Program.Output

    /// Stops the sandboxes one after another; returns the exit status.
    func run() -> Int32 {
        Signals.ignoreBrokenPipes()
        do {
            return try EpollLoop.run { loop in
                let status = await stop(on: loop)
                // A killed run leaves its pods' network namespaces.
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
            let list = try await socket.call(Sandboxes.list, Empty(), timeout: .seconds(10))
            for id in try options.selection(operands, of: list) {
                do {
                    _ = try await socket.call(Hypervisor.stopVM, .with { $0.id = id }, timeout: .seconds(60))
                    output.standard("\(id.printable())\n")
                } catch let failure as PodFailure {
                    // A failure of one sandbox does not prevent the stop of the others.
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
