/// A classic BPF program for the kernel: it reads one Ethernet frame and returns a number.
///
/// Jumps lead only forward, so every program ends. A load beyond the end of the frame ends the program with 0.
struct FrameProgram: Hashable, Sendable {
    /// `struct sock_filter`.
    struct Instruction: Hashable, Sendable {
        let code: UInt16
        var ifTrue: UInt8 = 0
        var ifFalse: UInt8 = 0
        var operand: UInt32 = 0
    }

    let instructions: [Instruction]

    /// The instructions in the kernel's format.
    var bytes: [UInt8] {
        instructions.flatMap { memory(of: $0.code) + [$0.ifTrue, $0.ifFalse] + memory(of: $0.operand) }
    }

    /// A program that returns `value` for every frame.
    init(returning value: UInt32) {
        instructions = [Instruction(code: Operation.finish, operand: value)]
    }

    fileprivate init(_ instructions: [Instruction]) { self.instructions = instructions }

    /// The operations that the builder uses (linux/bpf_common.h).
    fileprivate enum Operation {
        static let load: UInt16 = 0x00
        static let loadScratch: UInt16 = 0x60  // LD | MEM
        static let loadIndexFromHeaderLength: UInt16 = 0xB1  // LDX | B | MSH
        static let loadIndex: UInt16 = 0x01  // LDX | IMM
        static let storeScratch: UInt16 = 0x02
        static let add: UInt16 = 0x04
        static let addIndex: UInt16 = 0x0C
        static let shiftLeft: UInt16 = 0x64
        static let and: UInt16 = 0x54
        static let jump: UInt16 = 0x05
        static let jumpIfEqual: UInt16 = 0x15
        static let finish: UInt16 = 0x06
        static let setIndex: UInt16 = 0x07
    }
}

/// An assembler with labels. It makes a ``FrameProgram``.
///
/// Like the machine, it has one accumulator, one index and a few scratch words.
struct FrameProgramBuilder {
    /// The number of bytes of a load.
    enum Size: UInt16 {
        case word = 0x00
        case half = 0x08
        case byte = 0x10
    }

    /// A target of jumps.
    struct Label { fileprivate let number: Int }

    private typealias Operation = FrameProgram.Operation
    private var instructions: [FrameProgram.Instruction] = []
    private var jumps: [(at: Int, to: Int)] = []
    private var skips: [(at: Int, to: Int)] = []
    private var places: [Int?] = []

    /// `SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT`: whether the frame has a VLAN tag. The kernel stores the tag outside of
    /// the frame.
    private static let vlanTagPresent = UInt32(bitPattern: -0x1000 + 48)

    mutating func label() -> Label {
        places.append(nil)
        return Label(number: places.count - 1)
    }

    /// Sets `label` to the next instruction.
    mutating func place(_ label: Label) { places[label.number] = instructions.count }

    /// Loads big-endian bytes of the frame.
    mutating func load(_ size: Size, at offset: Int) {
        emit(Operation.load | size.rawValue | 0x20, UInt32(offset))  // ABS
    }

    /// Loads big-endian bytes of the frame that begin `offset` bytes after the index.
    mutating func loadIndexed(_ size: Size, at offset: Int) {
        emit(Operation.load | size.rawValue | 0x40, UInt32(offset))  // IND
    }

    mutating func loadVLANTagPresence() { emit(Operation.load | Size.word.rawValue | 0x20, Self.vlanTagPresent) }
    mutating func loadNumber(_ value: UInt32) { emit(Operation.load, value) }
    mutating func loadScratch(_ number: Int) { emit(Operation.loadScratch, UInt32(number)) }
    mutating func storeScratch(_ number: Int) { emit(Operation.storeScratch, UInt32(number)) }
    mutating func setIndex(_ value: Int) { emit(Operation.loadIndex, UInt32(value)) }
    mutating func setIndexToAccumulator() { emit(Operation.setIndex, 0) }

    /// Sets the index to the length of the IPv4 header that begins at `offset`.
    mutating func setIndex(toLengthOfIPv4HeaderAt offset: Int) {
        emit(Operation.loadIndexFromHeaderLength, UInt32(offset))
    }

    mutating func add(_ value: UInt32) { emit(Operation.add, value) }
    mutating func addIndex() { emit(Operation.addIndex, 0) }
    mutating func shiftLeft(_ bits: UInt32) { emit(Operation.shiftLeft, bits) }
    mutating func and(_ mask: UInt32) { emit(Operation.and, mask) }
    mutating func finish(_ value: UInt32) { emit(Operation.finish, value) }

    mutating func jump(to label: Label) {
        jumps.append((instructions.count, label.number))
        emit(Operation.jump, 0)
    }

    mutating func jump(to label: Label, ifEqual value: UInt32) {
        instructions.append(.init(code: Operation.jumpIfEqual, ifFalse: 1, operand: value))
        jump(to: label)
    }

    mutating func jump(to label: Label, unlessEqual value: UInt32) {
        instructions.append(.init(code: Operation.jumpIfEqual, ifTrue: 1, operand: value))
        jump(to: label)
    }

    /// A jump over at most 255 instructions. It needs one instruction instead of two.
    mutating func skip(to label: Label, unlessEqual value: UInt32) {
        skips.append((instructions.count, label.number))
        emit(Operation.jumpIfEqual, value)
    }

    private mutating func emit(_ code: UInt16, _ operand: UInt32) {
        instructions.append(.init(code: code, operand: operand))
    }

    /// The program. Each target of a jump must have a position.
    func build() -> FrameProgram {
        var finished = instructions
        func distance(_ jump: (at: Int, to: Int)) -> Int {
            guard let place = places[jump.to], place > jump.at else {
                preconditionFailure("a label comes after its jumps")
            }
            return place - jump.at - 1
        }
        for jump in jumps { finished[jump.at].operand = UInt32(distance(jump)) }
        for skip in skips { finished[skip.at].ifFalse = UInt8(distance(skip)) }
        return FrameProgram(finished)
    }
}
