import LinuxIO

/// What every benchmark needs: the programs, the peer, how long to measure.
struct Tools {
    let loop: EpollLoop
    /// Where the release builds of our programs are.
    let programs: String
    let peer: Peer
    /// How often each way is measured; medians count.
    let rounds: Int
    /// How long one measurement takes.
    let seconds: Double
    /// Where the adaptor's records are to be, if not beside all else in memory.
    var podsDirectory: String?

    func program(_ name: String) -> String { "\(programs)/\(name)" }

    func progress(_ text: String) { StandardError.write("  \(text)\n") }
}
