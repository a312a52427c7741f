internal import TLS

extension PortableExecutable {
    /// The SHA-256 hash of the file that firmware measures and that a signature covers (Microsoft's "Windows Authenticode
    /// Portable Executable Signature Format").
    ///
    /// The hash leaves out the checksum, the entry of the certificate table, and the table.
    ///
    /// - Throws: ``ImageError`` when the certificate table is not at the end of the file; ``TLSError`` from OpenSSL.
    func authenticodeHash() throws -> [UInt8] {
        let reader = Bytes(bytes)
        let certificates = Int(reader.little(at: certificateEntry + 4, UInt32.self) ?? 0)
        let tableOffset = Int(reader.little(at: certificateEntry, UInt32.self) ?? 0)
        guard certificates == 0 || tableOffset + certificates == bytes.count else {
            throw ImageError("a UEFI program", "its certificate table is not at the end of the file")
        }
        var hash = try IncrementalHash(.sha256)
        try hash.update(bytes[..<checksumOffset])
        try hash.update(bytes[checksumOffset + 4..<certificateEntry])
        guard certificateEntry + 8 <= sizeOfHeaders else {
            throw ImageError("a UEFI program", "its headers have no entry for a certificate table")
        }
        try hash.update(bytes[certificateEntry + 8..<sizeOfHeaders])
        var hashed = sizeOfHeaders
        for section in sections.sorted(by: { $0.rawOffset < $1.rawOffset }) where section.rawSize > 0 {
            try hash.update(bytes[section.rawOffset..<section.rawOffset + section.rawSize])
            hashed += section.rawSize
        }
        let end = bytes.count - certificates
        if hashed < end { try hash.update(bytes[hashed..<end]) }
        return try hash.finish()
    }
}
