internal import LinuxIO

/// The destination of the output of a pod's command.
struct PodOutput: Sendable {
    /// Receives bytes of one of the command's outputs as they arrive; returns false when the reader is closed.
    let standard: @Sendable ([UInt8]) -> Bool
    let error: @Sendable ([UInt8]) -> Bool
    /// Called once when both outputs are at their end.
    let finish: @Sendable () -> Void

    /// Writes to our own outputs, byte for byte.
    static let direct = PodOutput(
        standard: { StandardOutput.write($0) }, error: { StandardError.write($0) }, finish: {})

    /// Discards all output.
    static let none = PodOutput(standard: { _ in true }, error: { _ in true }, finish: {})

    /// Writes to our own outputs in whole lines, each with the pod's name before it.
    static func prefixed(with name: String) -> PodOutput {
        let standard = Lock(LinePrefixer(name))
        let error = Lock(LinePrefixer(name))
        return PodOutput(
            standard: { bytes in StandardOutput.write(standard.withLock { $0.add(bytes) }) },
            error: { bytes in StandardError.write(error.withLock { $0.add(bytes) }) },
            finish: {
                StandardOutput.write(standard.withLock { $0.end() })
                StandardError.write(error.withLock { $0.end() })
            })
    }
}
