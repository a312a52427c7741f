public import KataProtocol
public import PodVMLifecycle
public import TTRPC

extension SandboxRequest {
    /// Parses an encoded `CreateVMRequest`.
    ///
    /// - Throws: INVALID_ARGUMENT with the fault as a sentence.
    public init(parsingCreateVM bytes: [UInt8]) throws(Status) {
        let request: CreateVMRequest
        do throws(ProtobufError) {
            request = try CreateVMRequest(parsing: bytes)
        } catch {
            throw Status(.invalidArgument, "The request is malformed: \(error).")
        }
        try self.init(request)
    }

    /// The sandbox that kata's shim requests with CreateVM.
    ///
    /// - Throws: INVALID_ARGUMENT with the fault as a sentence.
    public init(_ request: CreateVMRequest) throws(Status) {
        let id: SandboxID
        do throws(LifecycleError) { id = try SandboxID(validating: request.id) } catch { throw Status(error) }
        let annotations = Annotations(request.annotations)
        self.init(
            id: id,
            podName: CRIOName.podName(in: try annotations.required(Annotation.podName, "the pod's name")),
            podNamespace: try annotations.required(Annotation.podNamespace, "the pod's namespace"),
            networkNamespacePath: request.networkNamespacePath,
            requirements: Requirements(
                machineType: annotations.text(Annotation.machineType),
                image: annotations.text(Annotation.image),
                vcpus: try annotations.number(Annotation.vcpus, "number of vCPUs"),
                memoryMiB: try annotations.number(Annotation.memory, "number of MiB"),
                gpus: try annotations.number(Annotation.gpus, "number of GPUs")),
            initdata: annotations.text(Annotation.initdata))
    }
}

/// The annotations of one request, with kata's meaning.
private struct Annotations {
    /// The limit of numbers. A larger number is a mistake, and calculations with smaller numbers cannot overflow.
    private static let numberLimit = 1 << 30
    /// The number of characters of an invalid value that an error quotes.
    private static let quoteLimit = 64

    private let values: [String: String]

    init(_ values: [String: String]) { self.values = values }

    /// The value; nil if the shim has written that there is none.
    func text(_ key: String) -> String? {
        guard let value = values[key], !value.isEmpty, value != "0" else { return nil }
        return value
    }

    func required(_ key: String, _ what: String) throws(Status) -> String {
        guard let value = values[key], !value.isEmpty else {
            throw Status(
                .invalidArgument, "The request lacks \(what): the annotation \(key) is missing or empty.")
        }
        return value
    }

    func number(_ key: String, _ what: String) throws(Status) -> Int? {
        guard let text = text(key) else { return nil }
        guard let number = Int(text), 0...Annotations.numberLimit ~= number else {
            let quote = text.count > Annotations.quoteLimit ? "\(text.prefix(Annotations.quoteLimit))…" : text
            throw Status(
                .invalidArgument,
                "The annotation \(key) is \"\(quote)\", which is not a \(what): write a whole number, such as 2.")
        }
        // "00" means unset, like "0".
        return number == 0 ? nil : number
    }
}

/// The sandbox names of CRI-O: `k8s_<pod>_<namespace>_<uid>_<attempt>`.
private enum CRIOName {
    /// The pod's name in a sandbox name of CRI-O, or the whole of another name. Names in Kubernetes have no `_`.
    static func podName(in name: String) -> String {
        let parts = name.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0] == "k8s", !parts[1].isEmpty else { return name }
        return String(parts[1])
    }
}
