/// Tells from the first bytes of a request whether it has to be seen whole.
enum CallPeek {
    /// What the bytes seen so far say.
    enum Verdict: Equatable { case pass, hold, undecided }

    static let service: StaticString = "grpc.AgentService"
    static let createSandbox: StaticString = "CreateSandbox"
    static let createContainer: StaticString = "CreateContainer"

    /// After so many bytes of payload without a verdict, it is to hold. Peers that we know take 40.
    static let window = 128

    /// Looks at the front of a request's envelope {1 service, 2 method, 3 payload, …}; `isWhole` if there is no more.
    ///
    /// All known peers write service and method first. A request that begins otherwise is held, and judged when whole.
    /// One that names a second service or method later was passed on under its first names: such a request is made to
    /// be misread, and what it reaches is the agent, whose policy judges what it asks for.
    static func judge(_ bytes: borrowing Span<UInt8>, isWhole: Bool) -> Verdict {
        let short: Verdict = isWhole ? .pass : .undecided
        var offset = 0
        var seen = (service: false, method: false)
        while !(seen.service && seen.method) {
            guard let tag = byte(bytes, &offset) else { return short }
            // Both tags fit one byte; anything else is another field, or a way to write these that nobody uses.
            guard tag == 0x0A || tag == 0x12 else { return .hold }
            guard let length = byte(bytes, &offset) else { return short }
            let names = tag == 0x0A ? [service] : [createSandbox, createContainer]
            guard length < 0x80 else { return .hold }
            guard let name = names.first(where: { $0.utf8CodeUnitCount == Int(length) }) else { return .pass }
            let isSame = name.withUTF8Buffer { name in
                for index in 0..<min(name.count, bytes.count - offset) where unsafe name[index] != bytes[offset + index]
                {
                    return false
                }
                return true
            }
            guard isSame else { return .pass }
            offset += Int(length)
            guard offset <= bytes.count else { return short }
            if tag == 0x0A { seen.service = true } else { seen.method = true }
        }
        return .hold
    }

    private static func byte(_ bytes: borrowing Span<UInt8>, _ offset: inout Int) -> UInt8? {
        guard offset < bytes.count else { return nil }
        defer { offset += 1 }
        return bytes[offset]
    }
}
