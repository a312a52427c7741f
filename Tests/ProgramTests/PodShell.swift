import KataProtocol
import LinuxIO
import ShimRig
import TTRPC

/// Runs shell scripts in a pod, over its agent socket on the node.
struct PodShell: Sendable {
    let socket: String
    let loop: EpollLoop
    private let number = Lock(0)

    init(_ socket: String, on loop: EpollLoop) {
        self.socket = socket
        self.loop = loop
    }

    /// What a script writes, run in a container of its own.
    func output(of script: String) async throws -> String {
        let id = number.withLock { number in
            number += 1
            return "c\(number)"
        }
        let create = CreateContainerRequest.with {
            $0.containerID = id
            $0.oci = .with { spec in
                spec.process = .with { $0.arguments = ["sh", "-c", "exec 2>&1; \(script)"] }
                // As kata's shim does: the network's is left to the VM.
                spec.linux = .with { $0.namespaces = [.with { $0.type = "mount" }] }
            }
        }
        let stream = try await Stream.connect(to: .unix(path: socket), on: loop)
        return try await Client.with(stream, on: loop) { client in
            _ = try await client.call(AgentService.createContainer, create)
            return try await client.output(ofContainer: id)
        }
    }
}
