/// What a TLS peer may send beside the application's bytes, and how much of everything is read in one turn.
///
/// OpenSSL handles all records that carry no bytes of the application inside of one call: session tickets, key
/// updates, empty records. A peer that sends them without end would hold the loop, so each kind has a limit that no
/// honest peer reaches; beyond it the connection ends.
struct RecordFloodDetector: Equatable {
    /// Why a connection ends.
    enum Violation: Equatable {
        case tickets
        case keyUpdates
        case emptyRecords
    }

    /// Session tickets on one connection. Servers send one or two after a handshake.
    static let ticketLimit = 16
    /// Key updates that are always allowed.
    static let keyUpdateLimit = 16
    /// A further key update is allowed for so many bytes of the application. A key is good for gigabytes.
    static let bytesPerKeyUpdate = 1 << 20
    /// Records in a row without a byte of the application: all tickets and key updates above, and as many empty
    /// records.
    static let emptyRecordLimit = 64
    /// Records in a turn. Of full ones this is four megabytes, which is more than a turn has bytes; of the smallest
    /// ones it is about half a millisecond.
    static let recordsPerTurn = 256

    private var tickets = 0
    private var keyUpdates = 0
    private var bytes = 0
    private var recordsInARow = 0
    private var recordsInTurn = 0
    /// What the peer did; nil as long as it keeps to the limits.
    private(set) var violation: Violation?

    /// Whether other connections are to get their turn.
    var isTurnOver: Bool { recordsInTurn >= RecordFloodDetector.recordsPerTurn }

    /// Begins the next turn.
    mutating func beginTurn() { recordsInTurn = 0 }

    /// A record has arrived, whatever is in it.
    mutating func noteRecord() {
        recordsInTurn += 1
        recordsInARow += 1
        if recordsInARow > RecordFloodDetector.emptyRecordLimit { record(.emptyRecords) }
    }

    /// A server has sent a session ticket.
    mutating func noteTicket() {
        tickets += 1
        if tickets > RecordFloodDetector.ticketLimit { record(.tickets) }
    }

    /// The peer has changed its key.
    mutating func noteKeyUpdate() {
        keyUpdates += 1
        if keyUpdates > RecordFloodDetector.keyUpdateLimit + bytes / RecordFloodDetector.bytesPerKeyUpdate {
            record(.keyUpdates)
        }
    }

    /// Bytes of the application have arrived.
    mutating func noteBytes(_ count: Int) {
        bytes += count
        recordsInARow = 0
    }

    private mutating func record(_ violation: Violation) { self.violation = self.violation ?? violation }
}

extension RecordFloodDetector.Violation {
    /// What the peer did, as part of a sentence.
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
