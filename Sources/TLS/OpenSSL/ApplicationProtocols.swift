internal import COpenSSL

/// The application protocols that a server's end of a connection supports (ALPN, RFC 7301).
///
/// A client that requests one of them gets it. A client that requests none, or only others, gets a connection without
/// an application protocol, as from a server without ALPN.
final class ApplicationProtocols: Sendable {
    private let names: [[UInt8]]

    /// Each name has 1 to 255 bytes.
    init(_ names: some Sequence<String>) { self.names = names.map { Array($0.utf8) } }

    /// Makes each connection of `context` use the ``ApplicationProtocols`` of its ``TLSPeer``.
    static func select(in context: OpaquePointer) {
        unsafe SSL_CTX_set_alpn_select_cb(
            context,
            { ssl, chosen, length, offered, count, _ in
                guard let ssl = unsafe ssl, let own = unsafe TLSPeer.of(ssl)?.protocols, let offered = unsafe offered
                else { return SSL_TLSEXT_ERR_NOACK }
                let offer = unsafe UnsafeBufferPointer(start: offered, count: Int(count))
                guard let range = unsafe own.choice(in: offer) else { return SSL_TLSEXT_ERR_NOACK }
                // The result may point into the client's list, because the list lives longer than this call.
                unsafe chosen?.pointee = offered + range.lowerBound
                unsafe length?.pointee = UInt8(clamping: range.count)
                return SSL_TLSEXT_ERR_OK
            }, nil)
    }

    /// The position of the first supported name in the client's list. Each name in the list follows a length byte.
    func choice(in offered: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        var start = 0
        while start < offered.count {
            let range = start + 1..<start + 1 + Int(unsafe offered[start])
            guard range.upperBound <= offered.count else { return nil }
            if names.contains(where: { unsafe $0.elementsEqual(offered[range]) }) { return range }
            start = range.upperBound
        }
        return nil
    }
}
