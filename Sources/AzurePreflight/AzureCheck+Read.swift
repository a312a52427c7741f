internal import AzureProvider
internal import JSON
internal import Preflight

/// Why a value could not be read from Azure.
enum ReadFailure: Error {
    case arm(ARMError)
    /// The answer has an unexpected form.
    case form(JSONError)
}

/// The subject of a read, for the finding that reports a failed read.
struct Topic: Sendable {
    var subject: String
    /// The object of the read: `the subnet /subscriptions/...`.
    var what: String
    /// The setting that names the object.
    var flag: String

    init(_ subject: String, _ what: String, flag: String) {
        self.subject = subject
        self.what = what
        self.flag = flag
    }

    /// The finding for a failed read.
    func finding(_ error: ReadFailure) -> Finding {
        switch error {
        case .form(let error):
            return Finding(
                subject, .unknown, "\(what): Azure's answer has an unexpected form (\(error))",
                advice: "check whether a proxy between this node and Azure changes answers")
        case .arm(let error) where error.isNotFound:
            return Finding(
                subject, .failed, "\(what) does not exist: \(error.detail)",
                advice: "correct \(AzureOptions.name(flag))")
        case .arm(let error) where error.status == 403:
            return Finding(
                subject, .unknown, "\(what) could not be read for lack of permission: \(error.detail)",
                advice: "assign the role Reader on it to the identity, so that it can be checked")
        case .arm(let error) where error.status == 401:
            return Finding(
                subject, .failed, "\(what): Azure does not accept the token: \(error.detail)",
                advice: "check \(AzureOptions.name("tenantid")) and \(AzureOptions.name("azure-cloud"))")
        case .arm(let error):
            return Finding(subject, .unknown, "\(what) could not be read: \(error.detail)")
        }
    }
}

extension AzureCheck {
    func get(
        _ path: String, apiVersion: String, query: [(name: String, value: String)] = []
    ) async throws(ReadFailure) -> JSONNode {
        var request = ARMRequest("GET", path, apiVersion: apiVersion)
        request.query = query
        let answer: ARMAnswer
        do throws(ARMError) { answer = try await client.send(request) } catch { throw .arm(error) }
        return try Self.read { () throws(JSONError) in try JSONNode(answer.body ?? .null) }
    }

    func list(
        _ path: String, apiVersion: String, query: [(name: String, value: String)] = []
    ) async throws(ReadFailure) -> [JSONNode] {
        var request = ARMRequest("GET", path, apiVersion: apiVersion)
        request.query = query
        do throws(ARMError) { return try await client.list(request) } catch { throw .arm(error) }
    }

    /// Turns an error of reading JSON into a ``ReadFailure``.
    static func read<Value>(_ body: () throws(JSONError) -> Value) throws(ReadFailure) -> Value {
        do throws(JSONError) { return try body() } catch { throw .form(error) }
    }
}
