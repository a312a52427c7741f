/// What the guest does with a file that user data names.
enum UserDataFile: Equatable {
    case write(GuestFile)
    /// The guest has no use for it, as of one for a later guest.
    case skip
    /// The clause says why nothing of this user data is to be trusted.
    case refuse(String)

    /// Files that only the guest itself makes, of what it has measured.
    private static let derived: Set<String> = ["initdata.digest", "policy.rego"]

    /// Judges a path.
    ///
    /// Only the files of ``GuestFile`` are ever written, under their own names. A path is refused, where it could be
    /// skipped, when the file would mean something that the guest must not seem to grant: a file elsewhere in the
    /// guest, one by another name than its own, one that takes measured configuration's place.
    init(path: String, allowsUnmeasured: Bool) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard path.hasPrefix("/"), !parts.dropFirst().contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) else {
            self = .refuse("its path is relative, or has empty, . or .. parts")
            return
        }
        guard path.hasPrefix("\(GuestFile.directory)/") else {
            self = .refuse("its path is outside of \(GuestFile.directory)")
            return
        }
        let name = path.dropFirst(GuestFile.directory.count + 1)
        if Self.derived.contains(String(name)) {
            self = .refuse("\(name) is made in the guest from the initdata")
        } else if let file = GuestFile(path: path) {
            self =
                file.isMeasured && !allowsUnmeasured
                ? .refuse("\(name) may come only with the initdata, because user data is not measured") : .write(file)
        } else {
            self = .skip
        }
    }
}
