/// The time limits of sessions.
public struct SessionTimes: Sendable {
    /// The node gives up a connection on which nothing arrived for this time. It sends a ping after half of it.
    public var silence = Duration.seconds(5)
    /// How long a session waits for its next connection.
    public var suspension = Duration.seconds(60)
    /// How long an end waits for the other to close a connection whose session has ended.
    var shutdown = Duration.seconds(1)

    /// The defaults.
    public init() {}

    /// The VM's end gives up a connection on which nothing arrived for this time. The node has then missed several
    /// pings.
    var guestSilence: Duration { silence * 3 }
}
