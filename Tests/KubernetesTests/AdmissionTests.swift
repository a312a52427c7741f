import Encoding
import JSON
import Kubernetes
import LinuxIO
import Testing

@Suite("Reviews of pods")
struct AdmissionReviewTests {
    private static let request: JSONValue = [
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "kind": ["group": "", "version": "v1", "kind": "Pod"],
        "operation": "CREATE", "object": ["metadata": ["name": "p"], "spec": ["containers": []]],
    ]

    private static func review(_ change: (inout JSONObject) -> Void = { _ in }) -> JSONObject {
        var request = request.objectValue ?? JSONObject()
        change(&request)
        return JSONObject([
            ("apiVersion", "admission.k8s.io/v1"), ("kind", "AdmissionReview"), ("request", .object(request)),
        ])
    }

    private static func bytes(_ object: JSONObject) -> [UInt8] { JSONValue.object(object).encoded() }

    @Test("the creation of a pod is read, and the answer has its UID and a patch in base64")
    func good() throws {
        let review = try AdmissionReview(Self.bytes(Self.review()))
        #expect(review.isPodCreation && review.object?["metadata"]?["name"] == "p")
        let answer = review.answer(.success([["op": "add", "path": "/x", "value": 1]]))
        #expect(answer["kind"] == "AdmissionReview" && answer["apiVersion"] == "admission.k8s.io/v1")
        let response = answer["response"]
        #expect(response?["uid"] == "705ab4f5-6393-11e8-b7cc-42010a800002" && response?["allowed"] == true)
        let patch = try #require(response?["patch"]?.stringValue.flatMap { Base64.decode(Array($0.utf8)) })
        #expect(try JSONValue(parsing: patch) == [["op": "add", "path": "/x", "value": 1]])
    }

    @Test("an answer without operations has no patch, and a refusal has a status")
    func answers() throws {
        let review = try AdmissionReview(Self.bytes(Self.review()))
        #expect(review.answer(.success([]))["response"]?["patch"] == nil)
        var mutation = PodMutation()
        mutation.runtimeClass = "kata"
        let bad: JSONValue = ["spec": ["runtimeClassName": "kata", "containers": "none"]]
        do {
            _ = try mutation.operations(for: try #require(bad.objectValue))
            Issue.record("a pod that cannot be read is not refused")
        } catch let error as PodMutation.Refusal {
            let response = review.answer(.failure(error))["response"]
            #expect(response?["allowed"] == false && response?["status"]?["code"] == 422)
            #expect(response?["status"]?["message"]?.stringValue?.contains("containers") == true)
        }
    }

    @Test("updates, other kinds and sub-resources are not pods that are created")
    func others() throws {
        let others: [(inout JSONObject) -> Void] = [
            { $0["operation"] = "UPDATE" }, { $0["subResource"] = "ephemeralcontainers" },
            { $0["kind"] = ["group": "apps", "version": "v1", "kind": "Deployment"] }, { $0["kind"] = nil },
            { $0["kind"] = ["group": "", "version": "v2", "kind": "Pod"] },
        ]
        for change in others { #expect(try !AdmissionReview(Self.bytes(Self.review(change))).isPodCreation) }
    }

    @Test(
        "a body that is not a review is refused: other versions, no UID, a UID that is too long or not printable, no JSON"
    )
    func malformed() {
        var bodies: [[UInt8]] = [
            [], Array("{}".utf8), Array("[]".utf8), Array("{\"apiVersion\":".utf8), [0xFF],
            Array(String(repeating: "[", count: 5000).utf8),
        ]
        let uids: [JSONValue?] = [
            nil, "", .integer(5), .string(String(repeating: "x", count: 257)), "a b", "a\nb", "ü",
        ]
        for uid in uids { bodies.append(Self.bytes(Self.review { $0["uid"] = uid })) }
        for (key, value) in [("apiVersion", "admission.k8s.io/v1beta1"), ("kind", "Pod")] {
            var review = Self.review()
            review[key] = .string(value)
            bodies.append(Self.bytes(review))
        }
        bodies.append(Self.bytes(Self.review { $0["object"] = "text" }))
        bodies.append([UInt8](repeating: UInt8(ascii: " "), count: AdmissionReview.sizeLimit + 1))
        for body in bodies {
            #expect(throws: AdmissionReview.Malformed.self, "\(String(decoding: body.prefix(80), as: UTF8.self))") {
                _ = try AdmissionReview(body)
            }
        }
    }

    @Test("a pod of two megabytes and six thousand containers is read")
    func huge() throws {
        let container: JSONValue = [
            "name": .string(String(repeating: "n", count: 400)), "resources": ["requests": ["cpu": "100m"]],
        ]
        let pod: JSONValue = [
            "metadata": ["name": "p"],
            "spec": [
                "runtimeClassName": "kata-remote", "containers": .array([JSONValue](repeating: container, count: 6000)),
            ],
        ]
        let body = Self.bytes(Self.review { $0["object"] = pod })
        #expect(body.count > 2 << 20)
        let object = try #require(try AdmissionReview(body).object)
        let operations = try PodMutation().operations(for: object)
        #expect(operations.count == 6002)
        #expect(operations[1]["value"] == "600")
    }
}

@Suite("The mutation of pods")
struct PodMutationTests {
    /// The pods, and what the chart's MutatingAdmissionPolicy makes of them: deploy/check/policies.py writes and checks this file.
    private static let cases =
        #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
        + "/deploy/check/sized-pods.json"

    /// Applies operations with `add`, the only ones that the mutation has.
    private static func applied(_ operations: [JSONValue], to value: JSONValue) throws -> JSONValue {
        var value = value
        for operation in operations {
            try #require(operation["op"] == "add")
            let path = try #require(operation["path"]?.stringValue).split(separator: "/").map {
                String($0).replacing("~1", with: "/").replacing("~0", with: "~")
            }
            value = try added(try #require(operation["value"]), at: path[...], in: value)
        }
        return value
    }

    private static func added(
        _ new: JSONValue, at path: ArraySlice<String>, in value: JSONValue
    ) throws -> JSONValue {
        guard let key = path.first else { return new }
        switch value {
        case .object(var object):
            // JSON Patch makes no parents.
            let inner = path.count == 1 ? JSONValue.null : try #require(object[key])
            object[key] = try added(new, at: path.dropFirst(), in: inner)
            return .object(object)
        case .array(var elements):
            let index = try #require(Int(key))
            try #require(elements.indices.contains(index))
            elements[index] = try added(new, at: path.dropFirst(), in: elements[index])
            return .array(elements)
        default: throw JSONError(path: key, "has no members")
        }
    }

    @Test("is that of the MutatingAdmissionPolicy, for each pod of the list")
    func equal() throws {
        let list = try JSONValue(
            parsing: DurableFile.read(Self.cases, limit: 16 << 20), limits: JSONLimits(size: 16 << 20, depth: 100))
        let cases = try #require(list.arrayValue)
        #expect(cases.count > 200)
        for item in cases {
            let (pod, expected) = (try #require(item["pod"]), try #require(item["result"]))
            let name = item["name"]?.stringValue ?? ""
            do {
                let operations = try PodMutation().operations(for: try #require(pod.objectValue))
                #expect(try Self.applied(operations, to: pod) == expected, "\(name)")
                let again = try PodMutation().operations(for: try #require(expected.objectValue))
                #expect(again.isEmpty, "\(name): a second run changes nothing")
            } catch let refusal as PodMutation.Refusal {
                #expect(expected == "refused", "\(name): \(refusal)")
            }
        }
    }
}
