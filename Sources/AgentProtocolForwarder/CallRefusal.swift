internal import TTRPC

/// The refusal of a call that the image does not permit to the node.
///
/// The agent gets a request of a service that no agent has, on the same stream, and answers that there is no such service.
/// So the caller gets an error, the answers stay in their order, and no handler of the agent runs.
enum CallRefusal {
    /// The service in the replaced request. Agents repeat it in their answer.
    static let service = "refused.by.agent-protocol-forwarder"

    private enum Field {
        static let service = 1, method = 2, payload = 3
    }

    /// Why the call of `frame` (header and payload) is refused, as a clause; nil if it is not.
    ///
    /// - Throws: ``CallRefused`` for an unreadable call.
    static func reason(_ frame: [UInt8], as call: EnvelopeScan.Call) throws(CallRefused) -> String? {
        switch call {
        case .refused: return "this image does not permit it (-agent-calls)"
        case .copyFile: break
        case .createSandbox, .createContainer, .other: return nil
        }
        do throws(ProtobufError) {
            return try FileCopy.fault(in: try payload(of: frame))
        } catch {
            throw CallRefused("its content cannot be read: \(error)")
        }
    }

    /// The frame to send instead: its stream and flags, and nothing else of it.
    static func replacement(_ frame: [UInt8]) -> [UInt8] {
        var out = SplicedMessage(copying: frame[..<FrameHeader.size], capacity: 128)
        out.string(Field.service, service)
        out.string(Field.method, "call")
        return out.frame()
    }

    private static func payload(of frame: [UInt8]) throws(ProtobufError) -> ArraySlice<UInt8> {
        var reader = ProtobufReader(frame[FrameHeader.size...])
        while let field = try reader.next() {
            if field.number == Field.payload { return try field.bytes() }
        }
        return []
    }
}
