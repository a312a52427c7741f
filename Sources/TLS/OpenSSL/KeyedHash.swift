internal import COpenSSL

/// HMAC-SHA-256, for values that must not reveal their input.
public enum KeyedHash {
    /// The size of a hash, in bytes.
    public static let size = 32

    /// The hash of `message` under `key` (RFC 2104).
    ///
    /// - Throws: ``TLSError`` when OpenSSL cannot compute it, for example without its default provider.
    public static func ofSHA256(_ message: [UInt8], key: [UInt8]) throws(TLSError) -> [UInt8] {
        var hash = [UInt8](repeating: 0, count: size)
        var length = 0
        let result = unsafe EVP_Q_mac(
            nil, "HMAC", nil, "SHA256", nil, key, key.count, message, message.count, &hash, hash.count, &length)
        guard unsafe result != nil, length == size else { throw OpenSSLError.last("HMAC-SHA-256") }
        return hash
    }
}
