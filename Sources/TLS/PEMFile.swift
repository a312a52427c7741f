internal import LinuxIO
internal import Telemetry

/// PEM files of the user, which replace the identities that the adaptor makes.
public enum PEMFile {
    /// The size limit, in bytes. Every chain and every bundle of authorities is shorter.
    private static let limit = 4 << 20

    /// The text of a certificate file.
    ///
    /// - Throws: ``TLSError`` with ``TLSError/Code/unusableIdentity`` and the kernel's reason.
    public static func certificates(at path: String) throws(TLSError) -> String { try text(at: path) }

    /// A certificate chain and its key, from two files.
    ///
    /// - Throws: ``TLSError`` with ``TLSError/Code/unusableIdentity`` and the kernel's reason.
    public static func certifiedKey(certificate: String, key: String) throws(TLSError) -> CertifiedKey {
        CertifiedKey(certificate: try text(at: certificate), key: Secret(try text(at: key)))
    }

    private static func text(at path: String) throws(TLSError) -> String {
        do {
            return String(decoding: try DurableFile.read(path, limit: limit), as: UTF8.self)
        } catch {
            throw TLSError(.unusableIdentity, "\(error)")
        }
    }
}
