internal import JSON
internal import KataProtocol
internal import LinuxIO
internal import TTRPC
internal import Telemetry

/// Pulls the images of containers, as the guest of a real pod VM does, and unpacks them below ``GuestRunDirectory``.
///
/// The programs run as children of this process. Layers that images share are pulled once. An unpacked image belongs to one
/// container and is removed with it.
final class ImageStore: Sendable {
    /// Where images come from, and how they run.
    struct Options: Sendable {
        /// auth.json with the credentials of registries; it may be missing.
        var authorizationFile = ""
        /// Registries that have no TLS, as `HOST:PORT`. Those with a loopback address are tried without TLS, too.
        var plainRegistries: [String] = []
        /// The names of directories that no container can have.
        fileprivate static let reserved: Set<String> = ["images", "root", "sandbox", "shared"]
    }

    /// The storage driver of an image that the guest pulls.
    static let driver = "image_guest_pull"

    let tools: ImageTools
    private let options: Options
    private let tree: GuestRunDirectory
    private let children: HelperProcesses
    private let logger: Logger
    private let lastTag = Lock(0)

    init(
        _ tools: ImageTools, _ options: Options, in tree: GuestRunDirectory, _ children: HelperProcesses, logger: Logger
    ) {
        self.tools = tools
        self.options = options
        self.tree = tree
        self.children = children
        self.logger = logger
    }

    /// Pulls and unpacks the image of a container; nil if the request names none. The sandbox's own container has no image
    /// that a registry has.
    ///
    /// - Throws: a status with the image and the words of the program that failed.
    func unpack(_ request: CreateContainerRequest) async throws -> UnpackedImage? {
        guard let storage = request.storages.first(where: { $0.driver == Self.driver }), !request.isSandbox else {
            return nil
        }
        let reference = try ContainerImageReference(storage.source)
        let bundle = try bundle(of: request.containerID, at: storage.mountPoint)
        do {
            try Files.makeDirectories(home, mode: 0o700)
            let tag = try await pull(reference)
            try await unpack(tag, reference, to: bundle)
            let image = try UnpackedImage(reference, at: bundle)
            logger.info("the image \(reference) is pulled", [LogField("container", request.containerID)])
            return image
        } catch {
            try? Files.removeTree(bundle)
            throw error is Status || error is CancellationError
                ? error : Status(.internal, "the image \(reference) cannot be used: \(error)")
        }
    }

    /// Removes an unpacked image.
    func remove(_ image: UnpackedImage) {
        do throws(SystemCallError) { try Files.removeTree(image.bundle) } catch {
            logger.warning("an image is not removed", [LogField("error", error)])
        }
    }

    /// The layers that images share.
    private var layout: String { tree.directory + "/images/layout" }
    /// The home directory of the programs. It is empty, so that they find no credentials of this machine's user.
    private var home: String { tree.directory + "/images/home" }

    /// The directory of a container, in which kata wants its root file system.
    private func bundle(of container: String, at mountPoint: String) throws(Status) -> String {
        let names = try GuestRunDirectory.names(of: mountPoint)
        guard let names, names.count == 2, names == [container, "rootfs"], !Options.reserved.contains(container) else {
            throw Status(
                .invalidArgument,
                "the image's mount point \"\(mountPoint)\" is not \(GuestRunDirectory.guestPath)/\(container)/rootfs")
        }
        let bundle = "\(tree.directory)/\(container)"
        guard !Files.exists(bundle), !Files.isLink(bundle) else {
            throw Status(.alreadyExists, "the directory \(mountPoint) exists")
        }
        return bundle
    }

    /// Copies the image into the layout; returns its tag there.
    private func pull(_ reference: ContainerImageReference) async throws -> String {
        let tag =
            "image-"
            + String(
                lastTag.withLock { number in
                    number += 1
                    return number
                })
        var arguments = ["--insecure-policy", "copy", "--quiet"]
        if Files.exists(options.authorizationFile) { arguments += ["--src-authfile", options.authorizationFile] }
        if reference.isLocal || options.plainRegistries.contains(reference.registry) {
            arguments.append("--src-tls-verify=false")
        }
        try await run(tools.skopeo, arguments + ["docker://\(reference)", "oci:\(layout):\(tag)"], reference, "pulled")
        return tag
    }

    private func unpack(_ tag: String, _ reference: ContainerImageReference, to bundle: String) async throws {
        let rights = ProcessTree.isRoot ? [] : ["--rootless"]
        try await run(
            tools.umoci, ["unpack"] + rights + ["--image", "\(layout):\(tag)", bundle], reference, "unpacked")
    }

    private func run(
        _ program: String, _ arguments: [String], _ reference: ContainerImageReference, _ verb: String
    ) async throws {
        var options = ChildProcess.Options(executable: program, arguments: arguments)
        options.environment = Environment.all.merging(["HOME": home, "XDG_RUNTIME_DIR": home]) { $1 }
        options.environment?["REGISTRY_AUTH_FILE"] = nil
        options.newSession = true
        let (end, words) = try await children.run(options)
        guard end == .exited(0) else {
            let name = program.split(separator: "/").last ?? ""
            throw Status(.internal, "the image \(reference) cannot be \(verb): \(name) ended with \(end): \(words)")
        }
    }
}

extension CreateContainerRequest {
    /// Whether it asks for the container that holds the pod's namespaces.
    var isSandbox: Bool {
        let annotations = oci?.annotations ?? [:]
        return ["io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"].contains {
            annotations[$0] == "sandbox"
        }
    }
}
