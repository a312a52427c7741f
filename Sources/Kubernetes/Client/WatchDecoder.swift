package import JSON

/// An event of a watch.
package enum WatchEvent: Equatable, Sendable {
    /// An object was created, or exists at the start of the watch.
    case added(JSONObject)
    /// An object was changed.
    case modified(JSONObject)
    /// An object was deleted; this is its last state.
    case deleted(JSONObject)
    /// Nothing has happened until this version.
    case bookmark(resourceVersion: String)
    /// The server ends the watch with a Status object, although the HTTP status was 200.
    case error(JSONObject)

    /// The version from which another watch continues.
    var resourceVersion: String? {
        switch self {
        case .added(let object), .modified(let object), .deleted(let object):
            object["metadata"]?["resourceVersion"]?.stringValue
        case .bookmark(let version): version
        case .error: nil
        }
    }
}

/// Finds the events in the bytes of a watch: one JSON object a line.
package struct WatchDecoder: Sendable {
    /// Why bytes are not events.
    package struct Malformed: Error, Equatable, CustomStringConvertible {
        /// What is wrong with which line.
        package let description: String
    }

    private let lineLimit: Int
    private var buffer: [UInt8] = []
    private var lines = 0

    /// A decoder for lines of at most `lineLimit` bytes.
    package init(lineLimit: Int) { self.lineLimit = lineLimit }

    /// Whether a line has begun and not ended.
    package var hasPart: Bool { !buffer.isEmpty }

    /// Takes the next bytes, and returns the events that are complete.
    package mutating func events(in bytes: some Collection<UInt8>) throws(Malformed) -> [WatchEvent] {
        var events: [WatchEvent] = []
        var rest = bytes[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            try append(rest[..<end])
            rest = rest[rest.index(after: end)...]
            let line = buffer
            buffer = []
            lines += 1
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x0D }) { continue }
            if let event = try event(in: line) { events.append(event) }
        }
        try append(rest)
        return events
    }

    private mutating func append(_ bytes: some Collection<UInt8>) throws(Malformed) {
        guard bytes.count <= lineLimit - buffer.count else {
            throw Malformed(description: "line \(lines + 1) of the watch has more than \(lineLimit) bytes")
        }
        buffer += bytes
    }

    private func event(in line: [UInt8]) throws(Malformed) -> WatchEvent? {
        do throws(JSONError) {
            let node = try JSONNode(JSONValue(parsing: line, limits: JSONLimits(size: lineLimit, depth: 100)))
            let object = try node.object("object").members
            switch try node.string("type") {
            case "ADDED": return .added(object)
            case "MODIFIED": return .modified(object)
            case "DELETED": return .deleted(object)
            case "ERROR": return .error(object)
            case "BOOKMARK":
                return .bookmark(resourceVersion: try object.object("metadata").string("resourceVersion"))
            // A type of a later API says nothing about the objects.
            default: return nil
            }
        } catch {
            throw Malformed(description: "line \(lines) of the watch: \(error)")
        }
    }
}
