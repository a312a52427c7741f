internal import Encoding
package import JSON

/// A request of the API server to a mutating webhook: an AdmissionReview of `admission.k8s.io/v1`.
package struct AdmissionReview: Equatable, Sendable {
    /// The largest review that is read, in bytes. The API server accepts objects of up to 3 MiB.
    package static let sizeLimit = 4 << 20
    /// The longest UID that is repeated in the answer.
    private static let uidLimit = 256
    private static let version = "admission.k8s.io/v1"

    /// The review's id, which the answer repeats.
    package let uid: String
    /// Whether a Pod is being created. Everything else is permitted as it is.
    package let isPodCreation: Bool
    /// The object; nil if there is none.
    package let object: JSONObject?

    /// Why a body is not a review that can be answered.
    package struct Malformed: Error, Equatable, Sendable, CustomStringConvertible {
        /// What is wrong.
        package let description: String
    }

    /// Reads the body of a request.
    ///
    /// - Throws: ``Malformed`` for a body without a valid UID. Such a review has no answer that the API server would accept.
    package init(_ body: [UInt8]) throws(Malformed) {
        do throws(JSONError) {
            let review = try JSONNode(
                JSONValue(parsing: body, limits: JSONLimits(size: Self.sizeLimit, depth: 100)))
            let (kind, version) = (try review.string("kind"), try review.string("apiVersion"))
            guard kind == "AdmissionReview", version == Self.version else {
                throw JSONError(path: "apiVersion", "expected an AdmissionReview of \(Self.version)")
            }
            let request = try review.object("request")
            uid = try request.string("uid")
            guard (1...Self.uidLimit).contains(uid.utf8.count), uid.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else {
                throw JSONError(path: "request.uid", "expected 1 to \(Self.uidLimit) printable characters")
            }
            let resource = try request.optionalObject("kind")
            let names = [
                try resource?.optionalString("group") ?? "", try resource?.optionalString("version") ?? "",
                try resource?.optionalString("kind") ?? "", try request.optionalString("operation") ?? "",
                try request.optionalString("subResource") ?? "",
            ]
            isPodCreation = names == ["", "v1", "Pod", "CREATE", ""]
            object = try request.optionalObject("object")?.members
        } catch {
            throw Malformed(description: error.description)
        }
    }

    /// The answer to this review: the patch, if there is one, or the refusal.
    package func answer(_ outcome: Result<[JSONValue], PodMutation.Refusal>) -> JSONValue {
        var response = JSONObject([("uid", .string(uid))])
        switch outcome {
        case .success(let operations):
            response["allowed"] = true
            if !operations.isEmpty {
                response["patchType"] = "JSONPatch"
                response["patch"] = .string(Base64.encode(JSONValue.array(operations).encoded()))
            }
        case .failure(let refusal):
            response["allowed"] = false
            response["status"] = [
                "status": "Failure", "reason": "Invalid", "code": 422, "message": .string(refusal.description),
            ]
        }
        return [
            "apiVersion": .string(Self.version), "kind": "AdmissionReview", "response": .object(response),
        ]
    }
}
