import AgentProtocolForwarder
import Fuzzing

/// Whatever answers a pod VM in place of its metadata service, the reader says the same of it however the bytes are cut,
/// and never hands out more than it may.
@main
struct HTTPAnswerFuzzer {
    private static let bodyLimit = 64

    static func main() {
        Fuzzer.run { input in
            var dice = Dice(input)
            let cuts = dice.bytes(atMost: 32)
            let answer = dice.remainder()
            examine(answer, cuts)
            // Without a status line hardly anything would get as far as the header.
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

    private static func outcome(_ pieces: [[UInt8]]) -> Result<HTTPAnswerReader.Answer, HTTPAnswerError> {
        var reader = HTTPAnswerReader(bodyLimit: bodyLimit)
        do throws(HTTPAnswerError) {
            for piece in pieces where !piece.isEmpty {
                if let answer = try reader.take(piece) { return .success(answer) }
            }
            return .success(try reader.finish())
        } catch {
            return .failure(error)
        }
    }
}
