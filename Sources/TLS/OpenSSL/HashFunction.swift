internal import COpenSSL

/// A hash function of SHA-2 (FIPS 180-4).
public enum HashFunction: String, CaseIterable, Sendable {
    /// SHA-256.
    case sha256
    /// SHA-384.
    case sha384
    /// SHA-512.
    case sha512

    /// The size of a hash, in bytes.
    public var size: Int {
        switch self {
        case .sha256: 32
        case .sha384: 48
        case .sha512: 64
        }
    }

    /// The hash of `bytes`.
    ///
    /// - Throws: ``TLSError`` when OpenSSL cannot compute it, for example without its default provider.
    public func hash(of bytes: some Collection<UInt8>) throws(TLSError) -> [UInt8] {
        var hash = try IncrementalHash(self)
        try hash.update(bytes)
        return try hash.finish()
    }
}

/// A hash of bytes that arrive in pieces.
///
/// Safe: the context is never null, stays in this file, and is freed with its owner.
@safe public struct IncrementalHash: ~Copyable {
    private let context: OpaquePointer
    private let function: HashFunction

    /// Begins a hash.
    ///
    /// - Throws: ``TLSError`` when OpenSSL cannot compute it, for example without its default provider.
    public init(_ function: HashFunction) throws(TLSError) {
        unsafe context = try Self.begun(function)
        self.function = function
    }

    private static func begun(_ function: HashFunction) throws(TLSError) -> OpaquePointer {
        guard let context = unsafe EVP_MD_CTX_new() else { throw OpenSSLError.last("EVP_MD_CTX_new") }
        let kind =
            switch function {
            case .sha256: unsafe EVP_sha256()
            case .sha384: unsafe EVP_sha384()
            case .sha512: unsafe EVP_sha512()
            }
        guard unsafe EVP_DigestInit_ex(context, kind, nil) == 1 else {
            unsafe EVP_MD_CTX_free(context)
            throw OpenSSLError.last("EVP_DigestInit_ex")
        }
        return unsafe context
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    /// Adds `bytes`.
    public mutating func update(_ bytes: some Collection<UInt8>) throws(TLSError) {
        let result = bytes.withContiguousStorageIfAvailable { piece in
            unsafe EVP_DigestUpdate(context, piece.baseAddress, piece.count)
        }
        let isAdded =
            if let result { result == 1 } else {
                unsafe Array(bytes).withUnsafeBufferPointer { piece in
                    unsafe EVP_DigestUpdate(context, piece.baseAddress, piece.count) == 1
                }
            }
        guard isAdded else { throw OpenSSLError.last("EVP_DigestUpdate") }
    }

    /// The hash of all added bytes.
    public consuming func finish() throws(TLSError) -> [UInt8] {
        var hash = [UInt8](repeating: 0, count: function.size)
        guard unsafe EVP_DigestFinal_ex(context, &hash, nil) == 1 else {
            throw OpenSSLError.last("EVP_DigestFinal_ex")
        }
        return hash
    }
}
