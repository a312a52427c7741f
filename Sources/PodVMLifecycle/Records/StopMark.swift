public import LinuxIO

/// The durable statement that StopVM of a sandbox has succeeded although no adaptor has recorded it: an empty file in
/// the sandbox's directory.
///
/// A gateway writes it while no adaptor is attached. The supervisor reads it at its start, and stops the sandbox. The
/// file is removed with the sandbox's directory.
public enum StopMark {
    /// The file's name.
    static let name = "stopped"

    /// Marks a sandbox. When this function returns, a power cut does not remove the mark.
    ///
    /// - Returns: Whether the sandbox has a directory in `podsDirectory`. Without one, it needs no mark.
    /// - Throws: `FileError` when the mark cannot be written.
    public static func write(for sandbox: SandboxID, in podsDirectory: String) throws(FileError) -> Bool {
        let directory: Directory
        do {
            directory = try Directory.own(podsDirectory).own(sandbox.rawValue)
        } catch {
            guard error.isMissing else { throw error }
            // An adaptor may have been killed between the removal and its sync.
            try? Directory.own(podsDirectory).sync()
            return false
        }
        do {
            try directory.write([], to: name, syncs: true)
        } catch {
            // The adaptor has removed the sandbox meanwhile.
            if error.isMissing, directory.isRemoved { return false }
            throw .refused(error)
        }
        return true
    }

    /// The marked sandboxes in `podsDirectory`; none when there is no such directory.
    ///
    /// - Throws: `FileError` when the directory cannot be listed. A sandbox whose directory cannot be read counts as not
    ///   marked.
    public static func all(in podsDirectory: String) throws(FileError) -> Set<SandboxID> {
        let names: [String]
        let pods: Directory
        do {
            pods = try Directory.own(podsDirectory)
        } catch {
            if error.isMissing { return [] }
            throw error
        }
        do {
            names = try pods.names()
        } catch {
            throw .refused(error)
        }
        let sandboxes = names.compactMap { try? SandboxID(validating: $0) }
        return Set(sandboxes.filter { sandbox in (try? exists(in: pods.own(sandbox.rawValue))) == true })
    }

    /// Whether a sandbox's directory has the mark.
    static func exists(in directory: Directory) throws(SystemCallError) -> Bool {
        try directory.kind(of: name) == .file
    }
}
