/// The guest's decision about a file of user data.
enum UserDataFile: Equatable {
    case write(GuestFile)
    /// The guest does not use the file, for example a file for a later version of the guest.
    case skip
    /// The clause has the reason why the guest does not trust this user data.
    case refuse(String)

    /// Files that only the guest makes, from measured data.
    private static let derived: Set<String> = ["initdata.digest", "policy.rego"]

    /// Decides about a path.
    ///
    /// The guest writes only the files of ``GuestFile``, under their own names. It refuses a path, instead of skipping
    /// it, if the sender could expect an effect that the guest does not allow: a file in another directory of the
    /// guest, a file with another name than its own, or a file that replaces measured configuration.
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
