internal import Encoding

extension SandboxRequest {
    /// A hash of all members of the request, by which a repeated CreateVM is recognized: 16 hexadecimal digits.
    ///
    /// Each member is hashed with its length, so that no two different requests have the same bytes.
    var fingerprint: String {
        let members = [
            id.rawValue, podName, podNamespace, networkNamespacePath, requirements.machineType, requirements.image,
            requirements.vcpus.map(String.init), requirements.memoryMiB.map(String.init),
            requirements.gpus.map(String.init), initdata,
        ]
        let bytes = members.flatMap { member in
            // A missing member differs from an empty one.
            Array((member.map { "\($0.utf8.count):" } ?? "-").utf8) + Array((member ?? "").utf8)
        }
        let digits = String(FNV1a.hash(bytes), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
