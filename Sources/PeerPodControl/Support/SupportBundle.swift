internal import Encoding
internal import PodVMBoot
internal import Telemetry

/// The files for a support case, before their secrets are removed.
struct SupportBundle {
    /// The size of all files that a bundle may have, in bytes.
    static let sizeLimit = 64 << 20

    private var files: [(name: String, text: String)] = []
    private var size = 0
    /// What is missing, and why.
    private(set) var notes: [String] = []
    private var redaction = SupportRedaction()

    /// An empty bundle.
    init() {}

    /// The names of the files, in order.
    var names: [String] { files.map(\.name) }

    /// Adds a text. What exceeds the limit is left out, with a note.
    mutating func add(_ name: String, _ text: String) {
        let name = Self.safeName(name)
        guard !files.contains(where: { $0.name == name }) else { return }
        guard size + text.utf8.count <= Self.sizeLimit else {
            return note("\(name) is left out: the bundle would have more than \(Self.sizeLimit >> 20) MiB")
        }
        size += text.utf8.count
        files.append((name, text))
    }

    /// Notes what is missing.
    mutating func note(_ text: String) { notes.append(text.printable()) }

    /// Learns secrets from a text that is not added.
    mutating func learn(from text: String) { redaction.learn(from: text) }

    /// Learns a secret.
    mutating func hide(_ secret: String) { redaction.hide(secret) }

    /// The archive, compressed; every file is searched for secrets before the first is written.
    mutating func archive(_ title: String, now: WallTime) -> [UInt8] {
        for file in files { redaction.learn(from: file.text) }
        var archive = TarArchive(time: now.secondsSinceEpoch)
        var list: [String] = []
        for file in files {
            let text = redaction.redacted(file.text)
            archive.add("\(Self.directory)/\(file.name)", Array(text.utf8))
            list.append("\(file.name): \(text.utf8.count) bytes" + (text == file.text ? "" : ", secrets removed"))
        }
        let readme = """
            \(title)
            Written \(now) by peerpodctl.

            Not included: the keys of tunnels (identity.json), boot documents (user-data), service account tokens.
            Removed, and shown as ‹secret›: values whose names announce a secret (password, token, client secret and so on),
            private keys, tokens after "Bearer", JSON Web Tokens, signatures in URLs, users in URLs; and each of these values
            wherever else it stands. Names of pods, namespaces, nodes and Azure resources, and addresses, are included.
            Read the files before you give them to others.

            Files:
            \(list.map { "  \($0)" }.joined(separator: "\n"))

            Missing:
            \(notes.isEmpty ? "  nothing" : notes.map { "  \(redaction.redacted($0))" }.joined(separator: "\n"))

            """
        archive.add("\(Self.directory)/README", Array(readme.utf8))
        return Gzip.compress(archive.bytes)
    }

    private static let directory = "peerpods-support"

    /// A relative name of letters, digits and a few signs, short enough for the archive.
    private static func safeName(_ name: String) -> String {
        let parts = name.split(separator: "/").map { part in
            String(part.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "_" })
        }.filter { $0 != "." && $0 != ".." }
        let whole = parts.joined(separator: "/")
        if TarArchive.fits("\(directory)/\(whole)") { return whole }
        return "long/" + String(whole.suffix(60).map { $0 == "/" ? "_" : $0 })
    }
}
