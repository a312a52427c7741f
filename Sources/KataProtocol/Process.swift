public import TTRPC

/// Runs one more process in a container.
public struct ExecProcessRequest: Message {
    /// The container.
    public var containerID = ""
    /// The process.
    public var execID = ""
    /// What to run.
    public var process: OCIProcess?

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
        fields.string(2, &execID)
        fields.message(4, &process)
    }
}

/// Names a process; a container's first has the container's id as its own.
public struct ProcessRequest: Message {
    /// The container.
    public var containerID = ""
    /// The process.
    public var execID = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
        fields.string(2, &execID)
    }
}

/// Sends a signal to a process, or without an exec id to all of a container's.
public struct SignalProcessRequest: Message {
    /// The container.
    public var containerID = ""
    /// The process.
    public var execID = ""
    /// The signal's number.
    public var signal: UInt32 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
        fields.string(2, &execID)
        fields.integer(3, &signal)
    }
}

/// How a process ended.
public struct WaitProcessResponse: Message {
    /// Its exit status; 128 + n when signal n ended it.
    public var status: Int32 = 0

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.integer(1, &status) }
}

/// Gives a process input.
public struct WriteStreamRequest: Message {
    /// The container.
    public var containerID = ""
    /// The process.
    public var execID = ""
    /// The input.
    public var data: [UInt8] = []

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
        fields.string(2, &execID)
        fields.bytes(3, &data)
    }
}

/// How much of the input was taken.
public struct WriteStreamResponse: Message {
    /// How many bytes were taken.
    public var length: UInt32 = 0

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.integer(1, &length) }
}

/// Asks for output: waits until there is some, or none will come.
public struct ReadStreamRequest: Message {
    /// The container.
    public var containerID = ""
    /// The process.
    public var execID = ""
    /// At most so many bytes.
    public var length: UInt32 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
        fields.string(2, &execID)
        fields.integer(3, &length)
    }
}

/// Output. Its end is not an answer but an error with the message `EOF`.
public struct ReadStreamResponse: Message {
    /// The output; not empty.
    public var data: [UInt8] = []

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.bytes(1, &data) }
}

/// A terminal has a new size, in characters.
public struct TtyWinResizeRequest: Message {
    /// The container.
    public var containerID = ""
    /// The process.
    public var execID = ""
    /// Lines.
    public var rows: UInt32 = 0
    /// Columns.
    public var columns: UInt32 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
        fields.string(2, &execID)
        fields.integer(3, &rows)
        fields.integer(4, &columns)
    }
}
