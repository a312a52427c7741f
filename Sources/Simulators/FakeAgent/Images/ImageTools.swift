internal import LinuxIO

/// The programs with which the stand-in pulls, unpacks and runs images: Debian's skopeo, umoci and crun.
struct ImageTools: Equatable, Sendable {
    let skopeo: String
    let umoci: String
    /// Runs containers; nil: their processes are started without it.
    let crun: String?

    /// The programs of this machine; nil if the images of containers cannot be pulled.
    static func find(usesRuntime: Bool = true) -> ImageTools? {
        guard let skopeo = path(of: "skopeo"), let umoci = path(of: "umoci") else { return nil }
        return ImageTools(skopeo: skopeo, umoci: umoci, crun: usesRuntime ? path(of: "crun") : nil)
    }

    private static func path(of name: String) -> String? {
        (Environment.all["PATH"] ?? ProcessPlan.standardPath).split(separator: ":").map { "\($0)/\(name)" }
            .first(where: Files.isExecutable)
    }
}
