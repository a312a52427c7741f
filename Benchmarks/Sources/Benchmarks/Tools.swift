import LinuxIO

/// What every benchmark needs: the programs, the peer, and the duration of a measurement.
struct Tools {
    let loop: EpollLoop
    /// The directory with the release builds of the programs.
    let programs: String
    let peer: Peer
    /// How often each connection is measured. The result is the median.
    let rounds: Int
    /// How long one measurement takes.
    let seconds: Double
    /// The directory of the adaptor's records, if they are not in memory.
    var podsDirectory: String?

    func program(_ name: String) -> String { "\(programs)/\(name)" }

    func progress(_ text: String) { StandardError.write("  \(text)\n") }
}
