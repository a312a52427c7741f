internal import Fuzzing
internal import TTRPC

/// Makes requests that are almost what the agent expects.
enum RequestMaker {
    /// A few frames in a row.
    static func frames(_ dice: inout Dice) -> [UInt8] {
        var bytes: [UInt8] = []
        var stream: UInt32 = 1
        repeat {
            let kind = Frame.Kind(rawValue: dice.number(below: 8) == 0 ? dice.byte() : 1)
            Frame(stream: StreamID(rawValue: stream), kind, payload: envelope(&dice)).encode(into: &bytes)
            stream += 2
        } while !dice.isEmpty && stream < 8
        return bytes
    }

    private static func envelope(_ dice: inout Dice) -> [UInt8] {
        let method = ["CreateContainer", "CreateContainer", "CreateSandbox", "StartContainer"][dice.number(below: 4)]
        let payload = method == "CreateContainer" ? container(&dice) : sandbox(&dice)
        var parts: [(inout ProtobufWriter) -> Void] = [
            { $0.string(1, "grpc.AgentService") }, { $0.string(2, method) }, { $0.bytes(3, payload) },
        ]
        let extra = dice.number(below: 4)
        if extra == 1 { parts.append { $0.int(4, 60_000_000_000) } }
        if extra == 2 { parts.append { $0.message(5) { $0.string(1, "key") } } }
        if extra == 3 { parts.append { $0.bytes(100, Array("later".utf8)) } }
        // Any order is the same message.
        let turn = dice.number(below: 16)
        if turn < parts.count { parts = Array(parts[turn...] + parts[..<turn]) }
        var writer = ProtobufWriter()
        for part in parts { part(&writer) }
        return writer.bytes
    }

    private static func sandbox(_ dice: inout Dice) -> [UInt8] {
        message(&dice) { writer, dice in
            switch dice.number(below: 4) {
            case 0: writer.string(1, "pod")
            case 1, 2: writer.strings(2, ["nameserver 10.0.0.10"])
            default: writer.raw(dice.bytes(atMost: 16))
            }
        }
    }

    private static func container(_ dice: inout Dice) -> [UInt8] {
        message(&dice) { writer, dice in
            switch dice.number(below: 4) {
            case 0: writer.string(1, "container")
            case 1, 2:
                let spec = spec(&dice)
                writer.message(6) { $0.raw(spec) }
            default: writer.raw(dice.bytes(atMost: 16))
            }
        }
    }

    private static func spec(_ dice: inout Dice) -> [UInt8] {
        message(&dice) { writer, dice in
            switch dice.number(below: 4) {
            case 0: writer.map(7, ["a": "b"])
            case 1, 2:
                let linux = linux(&dice)
                writer.message(8) { $0.raw(linux) }
            default: writer.raw(dice.bytes(atMost: 16))
            }
        }
    }

    private static func linux(_ dice: inout Dice) -> [UInt8] {
        message(&dice) { writer, dice in
            switch dice.number(below: 4) {
            case 0: writer.string(5, "/kata")
            case 1, 2:
                let namespace = namespace(&dice)
                writer.message(6) { $0.raw(namespace) }
            default: writer.raw(dice.bytes(atMost: 16))
            }
        }
    }

    private static func namespace(_ dice: inout Dice) -> [UInt8] {
        message(&dice) { writer, dice in
            switch dice.number(below: 4) {
            case 0: writer.string(1, "network")
            case 1: writer.string(1, "mount")
            case 2: writer.string(2, "/somewhere")
            default: writer.raw(dice.bytes(atMost: 8))
            }
        }
    }

    /// Up to three parts, each as drawn.
    private static func message(
        _ dice: inout Dice, _ part: (inout ProtobufWriter, inout Dice) -> Void
    ) -> [UInt8] {
        var writer = ProtobufWriter()
        for _ in 0..<dice.number(below: 4) { part(&writer, &dice) }
        return writer.bytes
    }
}
