package import HTTPTransport
package import JSON
internal import LinuxIO
package import PodVMLifecycle
package import Telemetry

/// Calls the API server of this pod's cluster.
///
/// Each call ends within its time limit, with retries: after 401 with the token that the file has now, after 429 and 5xx
/// when the server says, or else with back-off and a random part. All of it happens in the caller's task.
package final class KubernetesClient: Sendable {
    /// The limits for a server that does not end its answers.
    package struct Limits: Sendable {
        /// The time limit of one request.
        package var request = Duration.seconds(10)
        /// The time limit of a call, with its retries.
        package var call = Duration.seconds(30)
        /// The largest object, in bytes. A server stores at most 1.5 MiB.
        package var object = 4 << 20
        /// The largest page of a list, in bytes.
        package var page = 16 << 20
        /// The number of objects that a page of a list should have.
        package var pageSize = 250
        /// The largest number of pages of a list.
        package var pages = 400
        /// How long a watch lasts before the server ends it.
        package var watch = Duration.seconds(300)
        /// How much later than ``watch`` a silent connection counts as broken.
        package var watchGrace = Duration.seconds(15)

        /// The limits of the adaptor.
        package init() {}
    }

    package let limits: Limits
    let access: ClusterAccess
    let sender: any HTTPSender
    /// The file of the token, if there is one.
    private let tokenFile: TokenFile?
    let clock: any LifecycleClock
    let logger: Logger
    private let requests: Counter

    /// A client. It sends nothing before its first call.
    package init(
        _ access: ClusterAccess, sender: any HTTPSender, clock: any LifecycleClock, logger: Logger = .silent,
        metrics: Metrics = Metrics(), limits: Limits = Limits()
    ) {
        self.access = access
        self.sender = sender
        self.clock = clock
        self.logger = logger
        self.limits = limits
        switch access.credential {
        case .tokenFile(let path):
            tokenFile = TokenFile(path: path, clock: clock, redactor: logger.redactor)
        case .token(let token):
            tokenFile = nil
            logger.redactor?.hide(token)
        case .certificate: tokenFile = nil
        }
        requests = metrics.counter(
            "peerpods_kubernetes_requests_total", "Requests to the Kubernetes API server, by verb and outcome.",
            labels: ["verb", "outcome"])
    }

    /// What the token says of this pod; nil without a token that can be read.
    package var claims: TokenClaims? {
        ((try? token()) ?? nil).flatMap { TokenClaims(token: $0.reveal()) }
    }

    /// The token to send now; nil with a certificate.
    func token() throws(TokenFile.Unreadable) -> Secret<String>? {
        if case .token(let token) = access.credential { return token }
        return try tokenFile?.token()
    }

    /// Says that the server refused `token`. Returns whether there is another one.
    func drop(_ token: Secret<String>?) -> Bool {
        guard let token, let tokenFile else { return false }
        return tokenFile.drop(token)
    }

    /// Reads the answer at a path that is not an object's, such as `/version`.
    package func read(_ path: String) async throws(KubernetesError) -> JSONObject {
        try await send(KubernetesCall("get", "GET", path, path))
    }

    /// Reads an object.
    package func get(_ object: ObjectName) async throws(KubernetesError) -> JSONObject {
        try await send(
            KubernetesCall("get", "GET", object.resource.path(of: object.name, in: object.namespace), "\(object)"))
    }

    /// Creates an object, and returns it as the server completed it. A lost answer may have created the object: then the
    /// call is repeated, and a name that is fixed gives ``KubernetesError/Kind/alreadyExists``.
    package func create(
        _ object: JSONValue, of resource: KubernetesResource, in namespace: String? = nil
    ) async throws(KubernetesError) -> JSONObject {
        var call = KubernetesCall(
            "create", "POST", resource.path(in: namespace),
            "\(resource.kind) in \(namespace ?? "the cluster")")
        call.body = object.encoded()
        call.contentType = "application/json"
        call.isIdempotent = object["metadata"]?["name"] != nil
        return try await send(call)
    }

    /// Changes the members that `patch` has; null removes a member.
    @discardableResult
    package func mergePatch(
        _ object: ObjectName, subresource: String? = nil, _ patch: JSONValue
    ) async throws(KubernetesError) -> JSONObject {
        try await send(patchCall(object, subresource, patch, "application/merge-patch+json"))
    }

    /// Carries out the operations one after the other; if one of them is not possible, none. The server answers 422 in
    /// that case, whichever operation it was. With `mayRepeat` the patch is sent again after a lost answer: if it had its effect
    /// the first time, the second answer is ``KubernetesError/Kind/invalid``.
    @discardableResult
    package func jsonPatch(
        _ object: ObjectName, subresource: String? = nil, mayRepeat: Bool = false, _ operations: [JSONValue]
    ) async throws(KubernetesError) -> JSONObject {
        var call = patchCall(object, subresource, .array(operations), "application/json-patch+json")
        // The second time, a `test` or a `remove` would fail because of the first.
        call.isIdempotent = mayRepeat
        return try await send(call)
    }

    /// Deletes an object. An object with finalizers stays until the last one is removed.
    package func delete(_ object: ObjectName) async throws(KubernetesError) {
        _ = try await send(
            KubernetesCall("delete", "DELETE", object.resource.path(of: object.name, in: object.namespace), "\(object)")
        )
    }

    private func patchCall(
        _ object: ObjectName, _ subresource: String?, _ patch: JSONValue, _ type: String
    ) -> KubernetesCall {
        var call = KubernetesCall(
            "patch", "PATCH",
            object.resource.path(of: object.name, in: object.namespace, subresource: subresource),
            "\(object)" + (subresource.map { "/\($0)" } ?? ""))
        call.body = patch.encoded()
        call.contentType = type
        return call
    }

    func count(_ verb: String, _ outcome: String) { requests.increment(verb, outcome) }
}

/// A request to the API server, without the token.
struct KubernetesCall: Sendable {
    /// The verb of the right that it needs.
    let verb: String
    let method: String
    /// The path and the query.
    var target: String
    /// The object, for messages.
    let subject: String
    var body: [UInt8] = []
    var contentType: String?
    /// Whether a second execution changes nothing.
    var isIdempotent = true
    var responseLimit: Int?

    init(_ verb: String, _ method: String, _ target: String, _ subject: String) {
        self.verb = verb
        self.method = method
        self.target = target
        self.subject = subject
    }

    /// What is tried, such as `get Pod default/nginx`.
    var operation: String { "\(verb) \(subject)" }

    func error(_ kind: KubernetesError.Kind, _ message: String) -> KubernetesError {
        KubernetesError(kind, operation, message)
    }
}
