public import LinuxIO
public import TLS

/// The reason why a connection to a VM's forwarder failed.
public struct DialError: Error, Equatable, Sendable {
    /// The error of the last attempt.
    public enum Cause: Equatable, Sendable {
        /// No answer of any kind.
        case unanswered
        /// The VM is up, but no process listens on the port.
        case refused
        /// The network has no route to the address.
        case unreachable(String)
        /// A connection was made, but broke before it could be used.
        case broken(String)
        /// The peer is not authentic, or does not accept the node's certificate. There is no further attempt.
        case distrust(TLSError)
    }

    /// The forwarder's address.
    public let address: SocketAddress
    /// The number of attempts.
    public let attempts: Int
    /// The error of the last attempt.
    public let cause: Cause

    /// What an operator should check.
    public var advice: String {
        switch cause {
        case .unanswered:
            "the VM has not booted, or a network security group, a firewall or a missing route blocks the port"
        case .refused: "the VM runs, but its forwarder does not: look at the VM's console log"
        case .unreachable: "check the routes between the node's and the pod VMs' subnets"
        case .broken: "the forwarder stops or restarts, or a device on the path closes the connection"
        case .distrust(let error): error.advice
        }
    }
}

extension DialError: CustomStringConvertible {
    /// Address, attempts, cause and advice, in one line.
    public var description: String {
        "\(address) after \(attempts) \(attempts == 1 ? "attempt" : "attempts"): \(cause); \(advice)"
    }
}

extension DialError.Cause: CustomStringConvertible {
    /// The cause in words.
    public var description: String {
        switch self {
        case .unanswered: "no answer"
        case .refused: "connection refused"
        case .unreachable(let reason): "unreachable (\(reason))"
        case .broken(let reason): "connection broke (\(reason))"
        case .distrust(let error): "\(error.code): \(error.reason)"
        }
    }

    /// Classifies the kernel's error of an attempt.
    init(_ error: SystemCallError) {
        self =
            if error.isRefused {
                .refused
            } else if error.isTimeout {
                .unanswered
            } else if error.call == "connect" || error.call == "socket" {
                .unreachable(error.description)
            } else {
                .broken(error.description)
            }
    }
}
