/// A message of the Dynamic Host Configuration Protocol (RFC 2131), as far as a server for one known host needs it.
struct DHCPMessage: Equatable, Sendable {
    /// The purpose of a message.
    enum Kind: UInt8, Sendable {
        case discover = 1, offer, request, decline, acknowledgement, refusal
    }

    private static let (headerSize, addressPlace, clientPlace) = (240, 28, 12)
    private static let magic: [UInt8] = [99, 130, 83, 99]
    private static let (padOption, endOption): (UInt8, UInt8) = (0, 255)

    /// The numbers of the options.
    enum Option {
        static let mask: UInt8 = 1, requestedAddress: UInt8 = 50, leaseTime: UInt8 = 51, kind: UInt8 = 53
        static let server: UInt8 = 54, client: UInt8 = 61, mtu: UInt8 = 26, routes: UInt8 = 121
    }

    let kind: Kind
    /// The first 240 bytes.
    private let header: [UInt8]
    private let options: [UInt8: [UInt8]]

    /// Reads a client's message; nil for other bytes.
    init?(_ bytes: [UInt8]) {
        // A request over Ethernet.
        guard bytes.count > Self.headerSize, bytes[0] == 1, bytes[1] == 1, bytes[2] == 6,
            Array(bytes[236..<240]) == Self.magic
        else { return nil }
        var options: [UInt8: [UInt8]] = [:]
        var rest = bytes[Self.headerSize...]
        while let number = rest.popFirst(), number != Self.endOption {
            if number == Self.padOption { continue }
            guard let count = rest.popFirst(), rest.count >= Int(count) else { return nil }
            options[number] = Array(rest.prefix(Int(count)))
            rest = rest.dropFirst(Int(count))
        }
        guard let number = options[Option.kind], number.count == 1, let kind = Kind(rawValue: number[0]) else {
            return nil
        }
        self.kind = kind
        self.options = options
        header = Array(bytes[..<Self.headerSize])
    }

    /// The client's Ethernet address.
    var hardwareAddress: [UInt8] { Array(header[Self.addressPlace..<Self.addressPlace + 6]) }

    /// The address that the client asks for, or has; nil if it names none.
    var wantedAddress: [UInt8]? {
        if let address = options[Option.requestedAddress], address.count == 4 { return address }
        let own = Array(header[Self.clientPlace..<Self.clientPlace + 4])
        return own == [0, 0, 0, 0] ? nil : own
    }

    /// The bytes of the answer with `address` (four zeros: none) and these options.
    func answer(_ kind: Kind, address: [UInt8], options given: [(UInt8, [UInt8])]) -> [UInt8] {
        var bytes = header
        bytes[0] = 2
        for place in 12..<28 { bytes[place] = 0 }
        for (index, byte) in address.prefix(4).enumerated() { bytes[16 + index] = byte }
        for place in 44..<236 { bytes[place] = 0 }
        var all: [(UInt8, [UInt8])] = [(Option.kind, [kind.rawValue])] + given
        if let client = options[Option.client] { all.append((Option.client, client)) }
        for (number, value) in all { bytes += [number, UInt8(clamping: value.count)] + value.prefix(255) }
        bytes.append(Self.endOption)
        // Old clients expect at least 300 bytes.
        return bytes + [UInt8](repeating: 0, count: max(0, 300 - bytes.count))
    }
}
