import AgentProtocolForwarder
import Fuzzing

/// Examines answers that a pod VM gets in place of those of its metadata service. The reader gives the same result however the
/// bytes are cut, and never returns more than its limit.
@main
struct HTTPAnswerFuzzer {
    private static let bodyLimit = 64

    static func main() {
        Fuzzer.run { input in
            var dice = Dice(input)
            let cuts = dice.bytes(atMost: 32)
            let answer = dice.remainder()
            examine(answer, cuts)
            // Without a status line, almost no input would reach the header.
            examine(Array("HTTP/1.1 200 OK\r\n".utf8) + answer, cuts)
        }
    }

    private static func examine(_ bytes: [UInt8], _ cuts: [UInt8]) {
        let whole = outcome([bytes])
        var dice = Dice(cuts)
        let cut = outcome(dice.cut(bytes))
        require(whole == cut, "\(whole) as a whole, \(cut) in pieces")
        if case .success(let answer) = whole {
            require(answer.body.count <= bodyLimit)
            require((200...599).contains(answer.status))
        }
    }

    private static func outcome(_ pieces: [[UInt8]]) -> Result<HTTPResponseReader.Answer, HTTPResponseError> {
        var reader = HTTPResponseReader(bodyLimit: bodyLimit)
        do throws(HTTPResponseError) {
            for piece in pieces where !piece.isEmpty {
                if let answer = try reader.take(piece) { return .success(answer) }
            }
            return .success(try reader.finish())
        } catch {
            return .failure(error)
        }
    }
}
