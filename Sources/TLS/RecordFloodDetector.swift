/// The limits for a peer's records without application data, and for all records in one turn.
///
/// In one call OpenSSL handles all records without application data: session tickets, key updates and empty records.
/// A peer that sends them without end would block the loop. So each kind has a limit that no correct peer reaches. Above
/// the limit the connection ends.
struct RecordFloodDetector: Equatable {
    /// The reason why a connection ends.
    enum Violation: Equatable {
        case tickets
        case keyUpdates
        case emptyRecords
    }

    /// The limit of session tickets on one connection. Servers send one or two after a handshake.
    static let ticketLimit = 16
    /// The number of key updates that are always allowed.
    static let keyUpdateLimit = 16
    /// The number of application bytes that allow one further key update. A key is sufficient for gigabytes.
    static let bytesPerKeyUpdate = 1 << 20
    /// The limit of consecutive records without application data: all tickets and key updates above, and the same
    /// number of empty records.
    static let emptyRecordLimit = 64
    /// The limit of records in a turn. Full records contain 4 MiB, which is more than a turn reads. The smallest
    /// records take about half a millisecond.
    static let recordsPerTurn = 256

    private var tickets = 0
    private var keyUpdates = 0
    private var bytes = 0
    private var recordsInARow = 0
    private var recordsInTurn = 0
    /// The limit that the peer exceeded; nil if the peer exceeded none.
    private(set) var violation: Violation?

    /// Whether the turn has ended, so other connections get their turn.
    var isTurnOver: Bool { recordsInTurn >= RecordFloodDetector.recordsPerTurn }

    /// Begins the next turn.
    mutating func beginTurn() { recordsInTurn = 0 }

    /// Counts a record of any kind.
    mutating func noteRecord() {
        recordsInTurn += 1
        recordsInARow += 1
        if recordsInARow > RecordFloodDetector.emptyRecordLimit { record(.emptyRecords) }
    }

    /// Counts a session ticket of the server.
    mutating func noteTicket() {
        tickets += 1
        if tickets > RecordFloodDetector.ticketLimit { record(.tickets) }
    }

    /// Counts a key update of the peer.
    mutating func noteKeyUpdate() {
        keyUpdates += 1
        if keyUpdates > RecordFloodDetector.keyUpdateLimit + bytes / RecordFloodDetector.bytesPerKeyUpdate {
            record(.keyUpdates)
        }
    }

    /// Counts application bytes.
    mutating func noteBytes(_ count: Int) {
        bytes += count
        recordsInARow = 0
    }

    private mutating func record(_ violation: Violation) { self.violation = self.violation ?? violation }
}

extension RecordFloodDetector.Violation {
    /// The peer's action, as a part of a sentence.
    var description: String {
        switch self {
        case .tickets: "the peer sent more than \(RecordFloodDetector.ticketLimit) session tickets on one connection"
        case .keyUpdates:
            "the peer changed its key more than \(RecordFloodDetector.keyUpdateLimit) times, and more than once in"
                + " \(RecordFloodDetector.bytesPerKeyUpdate) bytes"
        case .emptyRecords:
            "the peer sent more than \(RecordFloodDetector.emptyRecordLimit) records in a row without content"
        }
    }
}
