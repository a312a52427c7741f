/// A unified kernel image: systemd's UEFI stub with the kernel, its command line, the initrd and descriptions as
/// sections (the UAPI group's "Unified Kernel Image" specification).
public struct UnifiedKernelImage: Sendable {
    /// The program that the firmware starts.
    public let program: PortableExecutable

    /// A section that the stub uses.
    ///
    /// The order of the cases is the order in which the stub measures them into PCR 11.
    public enum Section: String, CaseIterable, Sendable {
        /// The kernel.
        case linux = ".linux"
        /// /etc/os-release of the image.
        case release = ".osrel"
        /// The kernel's command line.
        case commandLine = ".cmdline"
        /// The initrd.
        case initrd = ".initrd"
        /// Microcode.
        case microcode = ".ucode"
        /// A picture for the screen.
        case splash = ".splash"
        /// A device tree.
        case deviceTree = ".dtb"
        /// The kernel's version.
        case kernelVersion = ".uname"
        /// Generations for revocation.
        case revocation = ".sbat"
        /// The public key of signed PCR values.
        case publicKey = ".pcrpkey"
        /// The name of a profile.
        case profile = ".profile"
        /// Device trees for machines.
        case automaticDeviceTree = ".dtbauto"
        /// Identities of machines.
        case hardwareIDs = ".hwids"
        /// Firmware for machines.
        case firmware = ".efifw"
    }

    /// Takes a program as a unified kernel image.
    ///
    /// - Throws: ``ImageError`` about `name` when it is not one, or when it has two sections of one name. Of two sections the
    ///   stub could use another one than it measures.
    public init(_ bytes: [UInt8], name: String) throws(ImageError) {
        program = try PortableExecutable(bytes, name: name)
        for section in Section.allCases where program.sections.count(where: { $0.name == section.rawValue }) > 1 {
            throw ImageError(name, "it has more than one section \(section.rawValue)")
        }
        guard self[.linux] != nil else {
            throw ImageError(name, "it is not a unified kernel image: it has no section .linux")
        }
    }

    /// The content of a section; nil if there is none.
    public subscript(section: Section) -> ArraySlice<UInt8>? {
        program.sections.first { $0.name == section.rawValue }.map { program.content(of: $0) }
    }

    /// Adds sections to a stub. The same input always gives the same bytes.
    ///
    /// - Throws: ``ImageError`` when the stub is not a UEFI program, has a section already, or has no room for the headers.
    public static func build(
        stub: [UInt8], _ contents: [(Section, [UInt8])]
    ) throws(ImageError) -> UnifiedKernelImage {
        let stub = try PortableExecutable(stub, name: "the stub")
        var image = stub.bytes
        var end = stub.sections.map { $0.virtualAddress + $0.virtualSize }.max() ?? 0
        var headers: [UInt8] = []
        var added = 0
        for (section, content) in contents {
            guard !stub.sections.contains(where: { $0.name == section.rawValue }) else {
                throw ImageError("the stub", "it has a section \(section.rawValue) already")
            }
            image.pad(to: stub.fileAlignment)
            let (offset, address) = (image.count, stub.aligned(end))
            image += content
            image.pad(to: stub.fileAlignment)
            guard image.count <= UInt32.max, address + content.count <= UInt32.max else {
                throw ImageError("the image", "it would be larger than 4 GiB")
            }
            headers +=
                PortableExecutable.Section(
                    name: section.rawValue, virtualSize: content.count, virtualAddress: address,
                    rawSize: image.count - offset, rawOffset: offset
                ).header
            added += image.count - offset
            end = address + content.count
        }
        let first = stub.sections.map(\.rawOffset).filter { $0 > 0 }.min() ?? stub.sizeOfHeaders
        guard stub.sectionTableEnd + headers.count <= min(first, stub.sizeOfHeaders) else {
            throw ImageError("the stub", "its headers have no room for \(contents.count) more sections")
        }
        image.replaceSubrange(stub.sectionTableEnd..<stub.sectionTableEnd + headers.count, with: headers)
        image.replace(at: stub.headerOffset + 6, little: UInt16(stub.sections.count + contents.count))
        let initialized = Bytes(stub.bytes).little(at: stub.optionalHeader + 8, UInt32.self) ?? 0
        image.replace(at: stub.optionalHeader + 8, little: initialized &+ UInt32(added))
        image.replace(at: stub.optionalHeader + 56, little: UInt32(stub.aligned(end)))
        // UEFI firmware ignores the checksum.
        image.replace(at: stub.checksumOffset, little: UInt32(0))
        return try UnifiedKernelImage(image, name: "the image")
    }
}

extension PortableExecutable {
    func aligned(_ address: Int) -> Int {
        (address + sectionAlignment - 1) / sectionAlignment * sectionAlignment
    }
}
