internal import Fuzzing
internal import TTRPC

/// An envelope that was read is the same after it is written and read again. So is an envelope that the fuzzer makes.
@main
struct EnvelopeFuzzer {
    static func main() {
        Fuzzer.run { input in
            if let request = try? RequestEnvelope(parsing: input) {
                require((try? RequestEnvelope(parsing: request.encoded)) == request, "\(request)")
                require(request.metadata.entries.count <= FieldBudget.envelope)
            }
            if let response = try? ResponseEnvelope(parsing: input) {
                require((try? ResponseEnvelope(parsing: response.encoded)) == response, "\(response)")
                _ = try? response.get()
            }
            var dice = Dice(input)
            let made = madeUp(&dice)
            require((try? RequestEnvelope(parsing: made.encoded)) == made, "\(made)")
        }
    }

    private static func madeUp(_ dice: inout Dice) -> RequestEnvelope {
        var metadata = Metadata()
        for _ in 0..<dice.number(below: 4) { metadata.add(text(&dice), text(&dice)) }
        let timeout = Int64(truncatingIfNeeded: dice.bytes(atMost: 8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        return RequestEnvelope(
            service: text(&dice), method: text(&dice), payload: dice.remainder(), timeoutNanoseconds: timeout,
            metadata: metadata)
    }

    private static func text(_ dice: inout Dice) -> String { String(decoding: dice.bytes(), as: UTF8.self) }
}
