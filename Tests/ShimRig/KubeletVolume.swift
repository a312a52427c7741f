internal import LinuxIO

/// A volume of files on the node as kubelet's atomic writer makes it, for a ConfigMap, a Secret or projected tokens.
///
///     ..2026_11_29_18_00_00.1/cert.pem     ..data -> ..2026_11_29_18_00_00.1     cert.pem -> ..data/cert.pem
package struct KubeletVolume: Sendable {
    package let directory: String
    /// How often the content was written.
    package private(set) var generation = 0

    /// Makes the volume at `directory`.
    package init(at directory: String, _ files: [String: String], mode: UInt32 = 0o644) throws {
        self.directory = directory
        try Files.makeDirectories(directory, mode: 0o755)
        try Files.setPermissions(0o1777, of: directory)
        try write(files, mode: mode)
    }

    /// Replaces all files at once, as kubelet does when the object has changed.
    package mutating func write(_ files: [String: String], mode: UInt32 = 0o644) throws {
        generation += 1
        let stamp = "..2026_11_29_18_00_00.\(generation)"
        let before = Files.isLink("\(directory)/..data") ? try Files.target(ofLink: "\(directory)/..data") : nil
        try Files.makeDirectory("\(directory)/\(stamp)", mode: 0o755)
        for (name, content) in files {
            let path = "\(directory)/\(stamp)/\(name)"
            try Files.write(content.utf8, to: path, at: 0, mode: mode)
            try Files.setPermissions(mode, of: path)
        }
        try Files.link(stamp, at: "\(directory)/..data_tmp")
        try Files.move("\(directory)/..data_tmp", to: "\(directory)/..data")
        for name in files.keys where !Files.isLink("\(directory)/\(name)") {
            try Files.link("..data/\(name)", at: "\(directory)/\(name)")
        }
        if let before { try Files.removeTree("\(directory)/\(before)") }
    }
}
