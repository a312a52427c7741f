internal import COpenSSL

/// The application protocols that a server's end of a connection speaks (ALPN, RFC 7301).
///
/// A client that asks for one of them gets it; a client that asks for none, or only for others, gets a connection
/// without, as from a server that knows nothing of this.
final class ApplicationProtocols: Sendable {
    private let names: [[UInt8]]

    /// `names` are of 1 to 255 bytes.
    init(_ names: some Sequence<String>) { self.names = names.map { Array($0.utf8) } }

    /// Makes every connection of `context` ask the ``ApplicationProtocols`` of its ``TLSPeer``.
    static func select(in context: OpaquePointer) {
        unsafe SSL_CTX_set_alpn_select_cb(
            context,
            { ssl, chosen, length, offered, count, _ in
                guard let ssl = unsafe ssl, let own = unsafe TLSPeer.of(ssl)?.protocols, let offered = unsafe offered
                else { return SSL_TLSEXT_ERR_NOACK }
                let offer = unsafe UnsafeBufferPointer(start: offered, count: Int(count))
                guard let range = unsafe own.choice(in: offer) else { return SSL_TLSEXT_ERR_NOACK }
                // What is chosen may lie in the client's own list, which outlives this call.
                unsafe chosen?.pointee = offered + range.lowerBound
                unsafe length?.pointee = UInt8(clamping: range.count)
                return SSL_TLSEXT_ERR_OK
            }, nil)
    }

    /// Where in the client's list, names with a byte of length before each, the first of ours is.
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
