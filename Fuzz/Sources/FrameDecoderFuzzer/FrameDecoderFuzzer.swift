internal import Fuzzing
internal import TTRPC

/// The same bytes give the same frames, whole, byte by byte or in any pieces.
@main
struct FrameDecoderFuzzer {
    static func main() {
        Fuzzer.run { input in
            let whole = decode([input])
            let dripped = decode(input.map { [$0] })
            require(whole == dripped, "byte by byte: \(dripped), but whole: \(whole)")
            var dice = Dice(input.reversed())
            let pieces = decode(dice.cut(input))
            require(whole == pieces, "in pieces: \(pieces), but whole: \(whole)")
            encodeAgain(whole)
            withLimit(dice.number(below: 64), input, whole)
        }
    }

    /// A decoder with a lower limit finds the same frames, and skips the longer ones.
    private static func withLimit(_ limit: Int, _ input: [UInt8], _ whole: [FrameDecoder.Event]) {
        let expected = whole.map { event in
            guard case .frame(let frame) = event, frame.payload.count > limit else { return event }
            return .oversized(
                FrameHeader(length: frame.payload.count, stream: frame.stream, kind: frame.kind, flags: frame.flags))
        }
        let found = decode([input], limit: limit)
        // A payload that is truncated at the end is found only if the decoder skips it.
        require(found.starts(with: expected) && found.count <= expected.count + 1, "\(found), but whole: \(expected)")
    }

    private static func decode(
        _ pieces: [[UInt8]], limit: Int = Frame.payloadLimit
    ) -> [FrameDecoder.Event] {
        var decoder = FrameDecoder(payloadLimit: limit)
        var events: [FrameDecoder.Event] = []
        for piece in pieces {
            decoder.append(piece)
            while let event = decoder.next() { events.append(event) }
        }
        return events
    }

    /// Frames that were found are found again after they are encoded.
    private static func encodeAgain(_ events: [FrameDecoder.Event]) {
        var bytes: [UInt8] = []
        var frames: [FrameDecoder.Event] = []
        for case .frame(let frame) in events {
            require(frame.kind.isKnown)
            frame.encode(into: &bytes)
            frames.append(.frame(frame))
        }
        require(decode([bytes]) == frames)
    }
}
