/// A program for UEFI firmware: a PE32+ file (Microsoft's "PE Format" specification), as far as its measurement and its
/// sections need it.
public struct PortableExecutable: Sendable {
    /// A section: a named range of the file.
    public struct Section: Equatable, Sendable {
        /// The name, without trailing NULs; at most 8 bytes.
        public let name: String
        /// The size in memory, in bytes.
        public let virtualSize: Int
        /// The offset in memory, in bytes.
        public let virtualAddress: Int
        /// The size in the file, in bytes: a multiple of the file alignment.
        public let rawSize: Int
        /// The offset in the file, in bytes.
        public let rawOffset: Int
    }

    /// The file.
    public let bytes: [UInt8]
    /// The sections, in the order of their headers.
    public let sections: [Section]
    let headerOffset: Int
    let sizeOfHeaders: Int
    let sectionAlignment: Int
    let fileAlignment: Int

    /// The most sections that a file may have: the limit of Windows' loader.
    static let sectionLimit = 96
    static let sectionHeaderSize = 40

    /// The offset of the optional header: after `PE\0\0` and the COFF header.
    var optionalHeader: Int { headerOffset + 24 }
    var checksumOffset: Int { optionalHeader + 64 }
    /// The data directory's entry for the certificate table.
    var certificateEntry: Int { optionalHeader + 144 }
    var sectionTable: Int {
        optionalHeader + Int(Bytes(bytes).little(at: headerOffset + 20, UInt16.self) ?? 0)
    }
    /// The end of the section headers.
    var sectionTableEnd: Int { sectionTable + sections.count * Self.sectionHeaderSize }

    /// Reads a file.
    ///
    /// - Throws: ``ImageError`` about `name` when the file is not a PE32+ file, or a part of it is outside of the file.
    public init(_ bytes: [UInt8], name: String) throws(ImageError) {
        func malformed(_ reason: String) -> ImageError { ImageError(name, "it is not a UEFI program: \(reason)") }
        let reader = Bytes(bytes)
        guard reader.little(at: 0, UInt16.self) == 0x5A4D else { throw malformed("it does not begin with MZ") }
        guard let header = reader.little(at: 0x3C, UInt32.self).map({ Int($0) }),
            reader.little(at: header, UInt32.self) == 0x4550
        else { throw malformed("it has no PE header") }
        guard let count = reader.little(at: header + 6, UInt16.self),
            let optionalSize = reader.little(at: header + 20, UInt16.self),
            reader.little(at: header + 24, UInt16.self) == 0x20B, optionalSize >= 152
        else { throw malformed("it is not of the format PE32+, or it has no data directory") }
        guard count <= Self.sectionLimit else { throw malformed("it has \(count) sections") }
        guard let sectionAlignment = reader.little(at: header + 56, UInt32.self),
            let fileAlignment = reader.little(at: header + 60, UInt32.self),
            let sizeOfHeaders = reader.little(at: header + 84, UInt32.self),
            fileAlignment.nonzeroBitCount == 1, sectionAlignment.nonzeroBitCount == 1,
            fileAlignment <= 65_536, sectionAlignment <= 1 << 20, Int(sizeOfHeaders) <= bytes.count
        else { throw malformed("its sizes are impossible") }
        let table = header + 24 + Int(optionalSize)
        guard table + Int(count) * Self.sectionHeaderSize <= Int(sizeOfHeaders) else {
            throw malformed("its section headers are longer than its headers")
        }
        var sections: [Section] = []
        for index in 0..<Int(count) {
            let at = table + index * Self.sectionHeaderSize
            guard let section = Section(reader, at: at), reader.slice(at: section.rawOffset, section.rawSize) != nil
            else { throw malformed("its section \(index + 1) is outside of the file") }
            sections.append(section)
        }
        self.bytes = bytes
        self.sections = sections
        headerOffset = header
        self.sizeOfHeaders = Int(sizeOfHeaders)
        self.sectionAlignment = Int(sectionAlignment)
        self.fileAlignment = Int(fileAlignment)
    }

    /// The content of a section, without the padding of the file.
    func content(of section: Section) -> ArraySlice<UInt8> {
        Bytes(bytes).slice(at: section.rawOffset, min(section.rawSize, section.virtualSize)) ?? []
    }
}

extension PortableExecutable.Section {
    init?(_ reader: Bytes, at offset: Int) {
        guard let name = reader.slice(at: offset, 8), let virtualSize = reader.little(at: offset + 8, UInt32.self),
            let virtualAddress = reader.little(at: offset + 12, UInt32.self),
            let rawSize = reader.little(at: offset + 16, UInt32.self),
            let rawOffset = reader.little(at: offset + 20, UInt32.self)
        else { return nil }
        self.name = String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
        self.virtualSize = Int(virtualSize)
        self.virtualAddress = Int(virtualAddress)
        self.rawSize = Int(rawSize)
        self.rawOffset = Int(rawOffset)
    }

    /// The header of a section of read-only data.
    var header: [UInt8] {
        var bytes = Array(name.utf8.prefix(8))
        bytes.append(contentsOf: repeatElement(0, count: 8 - bytes.count))
        bytes.append(little: UInt32(virtualSize))
        bytes.append(little: UInt32(virtualAddress))
        bytes.append(little: UInt32(rawSize))
        bytes.append(little: UInt32(rawOffset))
        // No relocations and line numbers.
        bytes.append(contentsOf: repeatElement(0, count: 12))
        // IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ
        bytes.append(little: UInt32(0x4000_0040))
        return bytes
    }
}
