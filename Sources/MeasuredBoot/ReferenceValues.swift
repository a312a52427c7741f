internal import Encoding
public import JSON
internal import TLS

/// The values that a verifier of pod VMs must find in their evidence.
public struct ReferenceValues: Equatable, Sendable {
    /// Each value by its name, in the order of the report.
    public let values: [(name: String, value: String)]

    /// The values of an image, and of initdata with a digest if there is one.
    ///
    /// - Throws: ``ImageError`` when the image cannot be measured; ``TLSError`` from OpenSSL.
    public init(of image: PodVMImage, initdataDigest: [UInt8]? = nil) throws {
        let boot = try BootMeasurements(of: image.kernelImage)
        var values = [("tpm_pcr04", "\(boot.pcr4)")]
        if let initdataDigest {
            values.append(("tpm_pcr08", "\(try BootMeasurements.pcr8(initdataDigest: initdataDigest))"))
        }
        values += [("tpm_pcr11", "\(boot.pcr11)"), ("tpm_pcr12", "\(boot.pcr12)"), ("tpm_pcr13", "\(boot.pcr13)")]
        if let rootHash = image.rootHash { values.append(("root_hash", rootHash)) }
        values.append(("image_sha256", image.diskHash))
        self.values = values.map { (name: $0.0, value: $0.1) }
    }

    /// The values as the payload of Trustee's "sample" extractor: a list for each name.
    public var payload: JSONValue { .object(JSONObject(values.map { ($0.name, .array([.string($0.value)])) })) }

    /// The message for Trustee's reference value provider service, version 0.1.0.
    public var message: JSONValue {
        [
            "version": "0.1.0", "type": "sample",
            "payload": .string(Base64.encode(payload.encoded())),
        ]
    }

    /// Whether both have the same values in the same order.
    public static func == (one: ReferenceValues, other: ReferenceValues) -> Bool {
        one.values.elementsEqual(other.values) { $0 == $1 }
    }
}
