/// Finds a method by the bytes of its name, so that a call does not create strings.
struct Router: Sendable {
    enum Handler: Sendable {
        case unary(Service.Unary)
        case streaming(Service.Streaming)
    }

    final class Route: Sendable {
        let service: String
        let method: String
        let handler: Handler

        init(_ service: String, _ method: String, _ handler: Handler) {
            self.service = service
            self.method = method
            self.handler = handler
        }
    }

    private var routes: [UInt64: [Route]] = [:]
    private let services: [String]
    private let fallback: Service.Unary?

    init(_ services: [Service], fallback: Service.Unary? = nil) {
        self.fallback = fallback
        self.services = services.map(\.name)
        precondition(Set(self.services).count == services.count, "a service is served twice: \(self.services)")
        for service in services {
            for (name, body) in service.unary { add(Route(service.name, name, .unary(body))) }
            for (name, body) in service.streaming { add(Route(service.name, name, .streaming(body))) }
        }
    }

    /// Finds the method of a request. The fallback serves every method that does not exist, if there is one.
    ///
    /// - Throws: UNIMPLEMENTED. The message says whether the service or the method does not exist.
    func route(_ request: RequestLayout, in bytes: borrowing Span<UInt8>) throws(Status) -> Route {
        let service = bytes.extracting(request.service)
        let method = bytes.extracting(request.method)
        for route in routes[Router.hash(service, method)] ?? [] {
            if equal(route.service, service), equal(route.method, method) { return route }
        }
        if let fallback { return Route(wholeText(service), wholeText(method), .unary(fallback)) }
        if services.contains(where: { equal($0, service) }) {
            throw Status(.unimplemented, "service \(text(service)) has no method \(text(method))")
        }
        throw Status(.unimplemented, "there is no service \(text(service))")
    }

    private mutating func add(_ route: Route) {
        let key = Router.hash(Array(route.service.utf8).span, Array(route.method.utf8).span)
        routes[key, default: []].append(route)
    }

    // There are only a few known names. A collision costs one comparison, even if a client provokes the collision.
    private static func hash(_ service: borrowing Span<UInt8>, _ method: borrowing Span<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func mix(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        for index in service.indices { mix(service[index]) }
        mix(0xFF)
        for index in method.indices { mix(method[index]) }
        return hash
    }

    private func equal(_ name: String, _ bytes: borrowing Span<UInt8>) -> Bool {
        guard name.utf8.count == bytes.count else { return false }
        var index = 0
        for byte in name.utf8 {
            if byte != bytes[index] { return false }
            index += 1
        }
        return true
    }

    private func wholeText(_ bytes: borrowing Span<UInt8>) -> String { String(decoding: copy(bytes), as: UTF8.self) }

    /// The part of a client's name that a message may quote.
    private func text(_ bytes: borrowing Span<UInt8>) -> String {
        String(decoding: copy(bytes.extracting(first: 128)), as: UTF8.self)
    }
}
