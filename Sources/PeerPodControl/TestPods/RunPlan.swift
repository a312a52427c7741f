/// The plan of a `peerpodctl run`.
struct RunPlan: Sendable {
    /// The hypervisor socket.
    let socket: String
    /// Which of kata's shims is played.
    var shim = ShimKind.go
    /// The number of pods, and the number of them that run at the same time.
    let pods: Int
    let concurrency: Int
    /// The name of the pod; for several pods, the beginning of their names.
    let name: String
    let namespace: String
    /// The annotations in CreateVM in addition to the pod's name and namespace.
    let annotations: [String: String]
    let network: RunNetwork
    /// The time limit of StartVM, like kata's `remote_hypervisor_timeout`.
    let timeout: Duration
    /// The agent policy to set, if one is given.
    let policy: String?
    let readsStandardInput: Bool
    let showsOutput: Bool
    /// The number of commands that run beside the command of a pod, and whose echoes are compared.
    var echoes = 0
    let command: [String]

    /// The names of the pods, in order: `web`, or `web-01` to `web-20`.
    var podNames: [String] {
        guard pods > 1 else { return [name] }
        let width = "\(pods)".count
        return (1...pods).map { number in
            "\(name)-" + String(repeating: "0", count: width - "\(number)".count) + "\(number)"
        }
    }
}

/// The network namespace that CreateVM names for the pods.
enum RunNetwork: Equatable, Sendable {
    /// None: the pods have the network of their VMs.
    case none
    /// A namespace that exists already.
    case existing(path: String)
    /// A separate namespace for each pod, in a network that this machine's runs share.
    case made
}

/// A sandbox's id in containerd's form: 64 random hexadecimal digits.
func randomSandboxID() -> String {
    var random = SystemRandomNumberGenerator()
    return (0..<64).map { _ in String(Int.random(in: 0..<16, using: &random), radix: 16) }.joined()
}
