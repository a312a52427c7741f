/// What `peerpodctl run` is told to do.
struct RunPlan: Sendable {
    /// The hypervisor socket.
    let socket: String
    /// How many pods, and how many of them at the same time.
    let pods: Int
    let concurrency: Int
    /// The name of the pod; of many, what their names begin with.
    let name: String
    let namespace: String
    /// What CreateVM gets in addition to the pod's name and namespace.
    let annotations: [String: String]
    let network: RunNetwork
    /// How long StartVM may take, as kata's `remote_hypervisor_timeout`.
    let timeout: Duration
    /// The agent policy to set, if one is given.
    let policy: String?
    let readsStandardInput: Bool
    let showsOutput: Bool
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

/// The network namespace that the pods are said to have.
enum RunNetwork: Equatable, Sendable {
    /// None: the pods have the network of their VMs.
    case none
    /// One that is there already.
    case existing(path: String)
    /// One of its own for each, in a network that this machine's runs share.
    case made
}

/// A sandbox's id as containerd makes them: 64 random hexadecimal digits.
func randomSandboxID() -> String {
    var random = SystemRandomNumberGenerator()
    return (0..<64).map { _ in String(Int.random(in: 0..<16, using: &random), radix: 16) }.joined()
}
