internal import Fuzzing
internal import TTRPC

/// Makes requests that are similar to what the agent expects.
enum RequestMaker {
    /// Several frames.
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

    /// Service, method, payload, and random additions: a second one of these fields, or other fields, in any position.
    private static func envelope(_ dice: inout Dice) -> [UInt8] {
        let method = method(&dice)
        var parts = [
            field(1, Array("grpc.AgentService".utf8), &dice), field(2, Array(method.utf8), &dice),
            field(3, payload(of: method, &dice), &dice),
        ]
        for _ in 0..<dice.number(below: 4) {
            let place = dice.number(below: parts.count + 1)
            parts.insert(extra(&dice), at: place)
        }
        // The order of the fields does not change the message.
        let turn = dice.number(below: 16)
        if turn < parts.count { parts = Array(parts[turn...] + parts[..<turn]) }
        return Array(parts.joined())
    }

    private static func method(_ dice: inout Dice) -> String {
        ["CreateContainer", "CreateContainer", "CreateSandbox", "StartContainer"][dice.number(below: 4)]
    }

    private static func payload(of method: String, _ dice: inout Dice) -> [UInt8] {
        method == "CreateSandbox" ? sandbox(&dice) : container(&dice)
    }

    private static func extra(_ dice: inout Dice) -> [UInt8] {
        switch dice.number(below: 10) {
        case 0: field(1, Array(["grpc.AgentService", "grpc.Health"][dice.number(below: 2)].utf8), &dice)
        case 1: field(2, Array(method(&dice).utf8), &dice)
        case 2: field(3, container(&dice), &dice)
        case 3: [0x20, dice.byte() & 0x7F]
        case 4: field(5, [0x0A, 0x01, 0x6B], &dice)
        case 5: field(100, Array("later".utf8), &dice)
        case 6: [0x10, dice.byte() & 0x7F]
        case 7: [0x33] + field(2, Array(method(&dice).utf8), &dice) + [0x34 + 8 * UInt8(dice.number(below: 2))]
        case 8: dice.bytes(atMost: 16)
        default: field(1 + dice.number(below: 6), dice.bytes(atMost: 16), &dice)
        }
    }

    private static func sandbox(_ dice: inout Dice) -> [UInt8] {
        message(&dice) { dice in
            switch dice.number(below: 4) {
            case 0: field(1, Array("pod".utf8), &dice)
            case 1, 2: field(2, Array("nameserver 10.0.0.10".utf8), &dice)
            default: dice.bytes(atMost: 16)
            }
        }
    }

    private static func container(_ dice: inout Dice) -> [UInt8] {
        message(&dice) { dice in
            switch dice.number(below: 4) {
            case 0: field(1, Array("container".utf8), &dice)
            case 1, 2: field(6, spec(&dice), &dice)
            default: dice.bytes(atMost: 16)
            }
        }
    }

    private static func spec(_ dice: inout Dice) -> [UInt8] {
        message(&dice) { dice in
            switch dice.number(below: 4) {
            case 0: field(7, [0x0A, 0x01, 0x61, 0x12, 0x01, 0x62], &dice)
            case 1, 2: field(8, linux(&dice), &dice)
            default: dice.bytes(atMost: 16)
            }
        }
    }

    private static func linux(_ dice: inout Dice) -> [UInt8] {
        message(&dice) { dice in
            switch dice.number(below: 4) {
            case 0: field(5, Array("/kata".utf8), &dice)
            case 1, 2: field(6, namespace(&dice), &dice)
            default: dice.bytes(atMost: 16)
            }
        }
    }

    private static func namespace(_ dice: inout Dice) -> [UInt8] {
        message(&dice) { dice in
            switch dice.number(below: 5) {
            case 0: field(1, Array("network".utf8), &dice)
            case 1: field(1, Array("mount".utf8), &dice)
            case 2: field(2, Array("/somewhere".utf8), &dice)
            case 3: field(1, Array("net".utf8), &dice)
            default: dice.bytes(atMost: 8)
            }
        }
    }

    /// Up to three random parts.
    private static func message(_ dice: inout Dice, _ part: (inout Dice) -> [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<dice.number(below: 4) { bytes += part(&dice) }
        return bytes
    }

    /// A field with content, as encoders write it, and sometimes as no encoder does: with more bytes for a number than
    /// needed, or with a tag of more than 32 bits.
    private static func field(_ number: Int, _ content: [UInt8], _ dice: inout Dice) -> [UInt8] {
        var tag = UInt64(number) << 3 | 2
        let oddity = dice.number(below: 16)
        if oddity == 1 { tag |= 1 << UInt64(32 + dice.number(below: 32)) }
        return varint(tag, padding: oddity == 2 ? 1 + dice.number(below: 8) : 0)
            + varint(UInt64(content.count), padding: oddity == 3 ? 1 + dice.number(below: 8) : 0) + content
    }

    private static func varint(_ value: UInt64, padding: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
        if padding > 0 {
            bytes[bytes.count - 1] |= 0x80
            bytes += [UInt8](repeating: 0x80, count: padding - 1) + [0]
        }
        return bytes
    }
}
