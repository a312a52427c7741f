internal import Configuration
internal import JSON
internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC
internal import Telemetry

/// What the flags of `peerpodctl status` fill in.
struct StatusOptions: Sendable {
    var socket = HypervisorOptions.defaultSocket
    var watches = false
    var interval = Duration.seconds(2)
    var isJSON = false

    static let command = Command(
        "peerpodctl status", summary: "list the sandboxes that the node's adaptor has on record",
        details: """
            The address is where the VM is reached, once that is known; the age counts from CreateVM. With -watch the \
            list is shown again and again until Ctrl-C; with -json too, each time as one line.
            """,
        defaults: StatusOptions(),
        sections: [
            .init(
                "Flags",
                [
                    HypervisorOptions.socket(\.socket),
                    Setting("watch", \.watches, .bool, "Go on showing them."),
                    Setting(
                        "interval", \.interval, .duration(in: .milliseconds(100) ... .seconds(3600)),
                        "How often, with -watch."),
                    Setting("json", \.isJSON, .bool, "A JSON array instead of a table, ids in full."),
                ])
        ])
}

/// `peerpodctl status`, once its flags are read.
struct StatusCommand: Sendable {
    let options: StatusOptions
    let output: Program.Output

    /// Shows the list once, or until interrupted; returns the exit status.
    func run() -> Int32 {
        Repetition(interval: options.watches ? options.interval : nil).run("peerpodctl status", output) {
            loop, isRepeated in await show(on: loop, isRepeated: isRepeated)
        }
    }

    func show(on loop: EpollLoop, isRepeated: Bool) async -> Int32 {
        do {
            let socket = HypervisorSocket(path: options.socket, loop: loop)
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

    private func write(_ sandboxes: [SandboxStatus], isRepeated: Bool) {
        if options.isJSON {
            let document = JSONValue.array(sandboxes.map(\.json))
            output.standard(String(decoding: document.encoded(indent: isRepeated ? nil : 2), as: UTF8.self) + "\n")
            return
        }
        if isRepeated { Repetition.begin(output) }
        let lines = sandboxes.isEmpty ? ["no sandboxes"] : Self.table(of: sandboxes, now: WallTime.now).lines
        output.standard(lines.map { $0 + "\n" }.joined())
    }

    static func table(of sandboxes: [SandboxStatus], now: WallTime) -> TextTable {
        var table = TextTable(
            ["SANDBOX", "STATE", "POD", "VM", "ADDRESS", "AGE"], aligned: [.left, .left, .left, .left, .left, .right])
        for sandbox in sandboxes {
            table.add([
                String(sandbox.id.prefix(12)), sandbox.state, "\(sandbox.podNamespace)/\(sandbox.podName)", sandbox.vm,
                sandbox.address.isEmpty ? "-" : sandbox.address,
                ageText(of: sandbox.created, now: now),
            ])
        }
        return table
    }
}

extension SandboxStatus {
    fileprivate var json: JSONValue {
        [
            "id": .string(id), "pod": .string(podName), "namespace": .string(podNamespace), "state": .string(state),
            "vm": .string(vm), "address": .string(address), "created": .integer(created),
        ]
    }
}
