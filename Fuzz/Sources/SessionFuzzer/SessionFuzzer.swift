internal import AgentHealth
internal import AgentTunnel
internal import Fuzzing

/// The same bytes give the same frames of a session, whole, byte by byte or in any pieces. The same holds for the health
/// checks that the node answers, and for the bytes that it passes on.
@main
struct SessionFuzzer {
    static func main() {
        Fuzzer.run { input in
            var dice = Dice(input.reversed())
            let cuts = [[input], input.map { [$0] }, dice.cut(input)]
            let frames = cuts.map(read)
            require(frames.allSatisfy { $0 == frames[0] }, "\(frames)")
            let answers = cuts.map(answer)
            require(answers.allSatisfy { $0 == answers[0] }, "\(answers)")
            _ = try? SessionHello(Array(input.prefix(SessionHello.size)))
            _ = try? SessionAnswer(Array(input.prefix(SessionAnswer.size)))
        }
    }

    /// The frames, and the fault that ended them.
    private static func read(_ pieces: [[UInt8]]) -> String {
        var reader = SessionFrameReader()
        var found: [SessionFrame] = []
        for piece in pieces {
            var rest = piece[...]
            while !rest.isEmpty {
                let skipped = min(reader.payloadLeft, rest.count)
                reader.skipPayload(skipped)
                rest = rest.dropFirst(skipped)
                if rest.isEmpty { break }
                do {
                    let frame = try unsafe reader.header(
                        { room in
                            let count = min(room.count, rest.count)
                            unsafe room.copyBytes(from: rest.prefix(count))
                            rest = rest.dropFirst(count)
                            return count
                        }, atEnd: {})
                    if let frame { found.append(frame) }
                } catch {
                    return "\(found) \(error)"
                }
            }
        }
        return "\(found)"
    }

    private static func answer(_ pieces: [[UInt8]]) -> [[UInt8]] {
        var responder = HealthResponder()
        var (output, answers): ([UInt8], SuspendedAnswers) = ([], SuspendedAnswers())
        for piece in pieces {
            unsafe piece.withUnsafeBytes { unsafe responder.process($0, into: &output, answers: &answers) }
        }
        return [output + responder.resume(), answers.bytes]
    }
}
