internal import Configuration
internal import JSON
internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC
internal import Telemetry

/// The values of the flags of `peerpodctl status`.
struct StatusOptions: Sendable {
    var socket = HypervisorOptions.defaultSocket
    var watches = false
    var interval = Duration.seconds(2)
    var isJSON = false
    var allNodes = false

    static let command = Command(
        "peerpodctl status", summary: "list the sandboxes of the node's adaptor, or the VMs of all nodes",
        details: """
            ADDRESS is the VM's address, once it is known; AGE counts from CreateVM. Below the table is what is wrong with \
            a sandbox. With -watch, the list is shown \
            repeatedly until Ctrl-C; with -watch and -json, as one line each time.

            With -all-nodes, the list has the VMs in the cloud that have this cluster's tags, by node. The adaptor of this \
            node asks the cloud, so a VM is shown even if its node has gone. The nodes of a cluster have the same \
            -cluster-id.
            """,
        defaults: StatusOptions(),
        sections: [
            .init(
                "Flags",
                [
                    HypervisorOptions.socket(\.socket),
                    Setting(
                        "all-nodes", \.allNodes, .bool,
                        "List the VMs of all nodes of the cluster, as the cloud knows them."),
                    Setting("watch", \.watches, .bool, "Repeat until Ctrl-C."),
                    Setting(
                        "interval", \.interval, .duration(in: .milliseconds(100) ... .seconds(3600)),
                        "The interval of -watch."),
                    Setting("json", \.isJSON, .bool, "Write a JSON array with full ids instead of a table."),
                ])
        ])
}

/// `peerpodctl status`, after its flags have been read.
struct StatusCommand: Sendable {
    let options: StatusOptions
    let output: Program.Output

    /// Prints the list once, or until interrupted; returns the exit status.
    func run() -> Int32 {
        WatchLoop(interval: options.watches ? options.interval : nil).run("peerpodctl status", output) {
            loop, isRepeated in await show(on: loop, isRepeated: isRepeated)
        }
    }

    func show(on loop: EpollLoop, isRepeated: Bool) async -> Int32 {
        do {
            let socket = HypervisorSocket(path: options.socket, loop: loop)
            if options.allNodes {
                write(try await ClusterMachines.list(socket), isRepeated: isRepeated)
                return ExitStatus.success
            }
            let list = try await socket.call(Sandboxes.list, Empty(), timeout: .seconds(10))
            write(list.sandboxes, isRepeated: isRepeated)
            return ExitStatus.success
        } catch let failure as PodFailure {
            output.error(failure.text(of: "peerpodctl status"))
            return ExitStatus.failure
        } catch {
            return ExitStatus.interrupted
        }
    }

    private func write(_ machines: ClusterMachines, isRepeated: Bool) {
        if options.isJSON {
            output.standard(
                String(decoding: machines.json.encoded(indent: isRepeated ? nil : 2), as: UTF8.self) + "\n")
            return
        }
        if isRepeated { WatchLoop.begin(output) }
        output.standard(machines.lines(now: .now).map { $0 + "\n" }.joined())
    }

    private func write(_ sandboxes: [SandboxStatus], isRepeated: Bool) {
        if options.isJSON {
            let document = JSONValue.array(sandboxes.map(\.json))
            output.standard(String(decoding: document.encoded(indent: isRepeated ? nil : 2), as: UTF8.self) + "\n")
            return
        }
        if isRepeated { WatchLoop.begin(output) }
        let lines =
            sandboxes.isEmpty
            ? ["no sandboxes"]
            : Self.table(of: sandboxes, now: WallTime.now).lines + Self.failures(of: sandboxes)
        output.standard(lines.map { $0 + "\n" }.joined())
    }

    /// A line for each sandbox with which something is wrong, after an empty line.
    static func failures(of sandboxes: [SandboxStatus]) -> [String] {
        let lines = sandboxes.filter { !$0.failure.isEmpty }.map { "\($0.id.prefix(12)): \($0.failure)".printable() }
        return lines.isEmpty ? [] : [""] + lines
    }

    static func table(of sandboxes: [SandboxStatus], now: WallTime) -> TextTable {
        var table = TextTable(
            ["SANDBOX", "STATE", "POD", "VM", "SIZE", "TEE", "ADDRESS", "AGE"],
            aligned: [.left, .left, .left, .left, .left, .left, .left, .right])
        for sandbox in sandboxes {
            table.add([
                String(sandbox.id.prefix(12)), sandbox.state, "\(sandbox.podNamespace)/\(sandbox.podName)", sandbox.vm,
                sandbox.size.isEmpty ? "-" : sandbox.size, sandbox.tee.isEmpty ? "-" : sandbox.tee,
                sandbox.address.isEmpty ? "-" : sandbox.address,
                ageText(of: sandbox.created, now: now),
            ])
        }
        return table
    }
}

extension SandboxStatus {
    var json: JSONValue {
        [
            "id": .string(id), "pod": .string(podName), "namespace": .string(podNamespace), "state": .string(state),
            "vm": .string(vm), "address": .string(address), "created": .integer(created),
            "failure": .string(failure), "size": .string(size), "zone": .string(zone), "tee": .string(tee),
        ]
    }
}
