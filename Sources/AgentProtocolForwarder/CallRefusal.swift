internal import TTRPC

/// The refusal of a call that the image does not permit to the node.
///
/// The agent does not get the request. The forwarder answers it with PERMISSION_DENIED, which names the call.
enum CallRefusal {
    private enum Field {
        static let payload = 3
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

    /// The answer to the request `frame`: a response on its stream, which ends the call.
    static func answer(_ frame: [UInt8], to name: String, because reason: String) -> [UInt8] {
        let status = Status(.permissionDenied, "agent-protocol-forwarder refused \(name): \(reason)")
        let payload = ResponseEnvelope(status).encoded
        var answer: [UInt8] = []
        FrameHeader(length: payload.count, stream: FrameHeader(frame).stream, kind: .response, flags: [])
            .encode(into: &answer)
        return answer + payload
    }

    private static func payload(of frame: [UInt8]) throws(ProtobufError) -> ArraySlice<UInt8> {
        var reader = ProtobufReader(frame[FrameHeader.size...])
        while let field = try reader.next() {
            if field.number == Field.payload { return try field.bytes() }
        }
        return []
    }
}
