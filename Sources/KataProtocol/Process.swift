public import TTRPC

/// Runs one more process in a container.
public struct ExecProcessRequest: Message {
    /// The container's id.
    public var containerID = ""
    /// The process's id.
    public var execID = ""
    /// The process to run.
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

/// Names a process. The id of a container's first process is the container's id.
public struct ProcessRequest: Message {
    /// The container's id.
    public var containerID = ""
    /// The process's id.
    public var execID = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &containerID)
        fields.string(2, &execID)
    }
}

/// Sends a signal to a process, or without an exec id to all processes of a container.
public struct SignalProcessRequest: Message {
    /// The container's id.
    public var containerID = ""
    /// The process's id.
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

/// The result of a process.
public struct WaitProcessResponse: Message {
    /// The exit status; 128 + n if signal n ended the process.
    public var status: Int32 = 0

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.integer(1, &status) }
}

/// Writes to a process's standard input.
public struct WriteStreamRequest: Message {
    /// The container's id.
    public var containerID = ""
    /// The process's id.
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

/// The accepted part of the input.
public struct WriteStreamResponse: Message {
    /// The number of accepted bytes.
    public var length: UInt32 = 0

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.integer(1, &length) }
}

/// Requests output. The call waits until there is output, or until the output ends.
public struct ReadStreamRequest: Message {
    /// The container's id.
    public var containerID = ""
    /// The process's id.
    public var execID = ""
    /// The maximum number of bytes.
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

/// Output. The end of the output is an error with the message `EOF` instead of an answer.
public struct ReadStreamResponse: Message {
    /// The output. It is not empty.
    public var data: [UInt8] = []

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.bytes(1, &data) }
}

/// Sets the size of a terminal, in characters.
public struct TtyWinResizeRequest: Message {
    /// The container's id.
    public var containerID = ""
    /// The process's id.
    public var execID = ""
    /// The number of lines.
    public var rows: UInt32 = 0
    /// The number of columns.
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
