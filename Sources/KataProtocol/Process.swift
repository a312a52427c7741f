/// Runs one more process in a container.
public struct ExecProcessRequest: Message {
    public var containerID = ""
    public var execID = ""
    public var process: OCIProcess?

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
        fields.string(2, &execID)
        fields.message(4, &process)
    }
}

/// Names a process; a container's first has the container's id as its own.
public struct ProcessRequest: Message {
    public var containerID = ""
    public var execID = ""

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
        fields.string(2, &execID)
    }
}

/// Sends a signal to a process, or without an exec id to all of a container's.
public struct SignalProcessRequest: Message {
    public var containerID = ""
    public var execID = ""
    public var signal: UInt32 = 0

    public init() {}

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

    public init() {}
    public mutating func visit(_ fields: inout MessageFields) { fields.integer(1, &status) }
}

/// Gives a process input.
public struct WriteStreamRequest: Message {
    public var containerID = ""
    public var execID = ""
    public var data: [UInt8] = []

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
        fields.string(2, &execID)
        fields.bytes(3, &data)
    }
}

/// How much of the input was taken.
public struct WriteStreamResponse: Message {
    public var length: UInt32 = 0

    public init() {}
    public mutating func visit(_ fields: inout MessageFields) { fields.integer(1, &length) }
}

/// Asks for output: waits until there is some, or none will come.
public struct ReadStreamRequest: Message {
    public var containerID = ""
    public var execID = ""
    /// At most so many bytes.
    public var length: UInt32 = 0

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
        fields.string(2, &execID)
        fields.integer(3, &length)
    }
}

/// Output. Its end is no answer but an error with the message `EOF`.
public struct ReadStreamResponse: Message {
    public var data: [UInt8] = []

    public init() {}
    public mutating func visit(_ fields: inout MessageFields) { fields.bytes(1, &data) }
}

/// A terminal has a new size, in characters.
public struct TtyWinResizeRequest: Message {
    public var containerID = ""
    public var execID = ""
    public var rows: UInt32 = 0
    public var columns: UInt32 = 0

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
        fields.string(2, &execID)
        fields.integer(3, &rows)
        fields.integer(4, &columns)
    }
}
