internal import Fuzzing
internal import TTRPC

/// Whole, in drips or in any pieces, the same bytes must mean the same frames.
@main
struct FrameDecoderFuzzer {
    static func main() {
        Fuzzer.run { input in
            let whole = decode([input])
            let dripped = decode(input.map { [$0] })
            require(whole == dripped, "in drips: \(dripped), but whole: \(whole)")
            var dice = Dice(input.reversed())
            let pieces = decode(dice.cut(input))
            require(whole == pieces, "in pieces: \(pieces), but whole: \(whole)")
            encodeAgain(whole)
        }
    }

    private static func decode(_ pieces: [[UInt8]]) -> [FrameDecoder.Event] {
        var decoder = FrameDecoder()
        var events: [FrameDecoder.Event] = []
        for piece in pieces {
            decoder.append(piece)
            while let event = decoder.next() { events.append(event) }
        }
        return events
    }

    /// Frames that were found, sent on, are found again.
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
