public import TLS

/// The values of the PCRs that a pod VM has after it has booted an image, computed before the boot.
///
/// PCR 0 to 3, 5 and 7 depend on the firmware and the disk, 9 is covered by 11, and 10 belongs to the kernel (IMA): they
/// have no predicted values.
public struct BootMeasurements: Equatable, Sendable {
    /// The programs that the firmware starts, if the firmware measures as EDK II (OVMF) does. Not known for Azure's firmware.
    let pcr4: PCRValue
    /// The sections of the unified kernel image: kernel, command line, initrd, descriptions.
    let pcr11: PCRValue
    /// Command lines from outside of the image. Not zero when an addon file on the ESP has changed the command line, which
    /// leaves PCR 11 as it is.
    let pcr12 = PCRValue.zero
    /// System extensions for the initrd from outside of the image.
    let pcr13 = PCRValue.zero

    /// The register that the guest extends with the digest of the initdata.
    static let initdataRegister = 8

    /// Computes the values of an image.
    ///
    /// - Throws: ``ImageError`` when the image or its kernel cannot be measured; ``TLSError`` from OpenSSL.
    public init(of image: UnifiedKernelImage) throws {
        pcr4 = try Self.loadedPrograms(image)
        pcr11 = try Self.sections(image)
    }

    /// PCR 8 of a guest that was given initdata with this digest; zero without initdata.
    ///
    /// The digest is cut or filled with zeros to the 32 bytes of the SHA-256 bank, as guest-components does.
    ///
    /// - Throws: ``TLSError`` from OpenSSL.
    public static func pcr8(initdataDigest digest: [UInt8]) throws(TLSError) -> PCRValue {
        try PCRValue.zero.extended(with: event(ofInitdataDigest: digest))
    }

    /// The 32 bytes with which the guest extends PCR 8.
    static func event(ofInitdataDigest digest: [UInt8]) -> [UInt8] {
        Array(digest.prefix(32)) + [UInt8](repeating: 0, count: max(0, 32 - digest.count))
    }

    /// The firmware measures its action, a separator, the image, and the kernel that the stub starts.
    private static func loadedPrograms(_ image: UnifiedKernelImage) throws -> PCRValue {
        let kernel = try PortableExecutable(Array(image[.linux] ?? []), name: "the kernel")
        return try PCRValue.zero
            .extended(withHashOf: "Calling EFI Application from Boot Option".utf8)
            .extended(withHashOf: [0, 0, 0, 0])
            .extended(with: image.program.authenticodeHash())
            .extended(with: kernel.authenticodeHash())
    }

    /// The stub measures the name and the content of each section.
    private static func sections(_ image: UnifiedKernelImage) throws -> PCRValue {
        var value = PCRValue.zero
        for section in UnifiedKernelImage.Section.allCases {
            guard let content = image[section] else { continue }
            value = try value.extended(withHashOf: section.rawValue.utf8 + [0]).extended(withHashOf: content)
        }
        return value
    }
}
