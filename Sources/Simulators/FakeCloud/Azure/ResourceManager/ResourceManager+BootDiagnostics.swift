internal import HTTPTransport
internal import JSON
internal import LinuxIO

extension ResourceManager {
    /// `POST .../retrieveBootDiagnosticsData`: the address of the serial log, which carries its own permission.
    func retrieveBootDiagnostics(_ id: FakeResourceID, _ exchange: Exchange) throws(FakeARMFault) -> HTTPResponse {
        var minutes = SignedLogs.defaultMinutes
        if let text = exchange.query("sasuriexpirationtimeinminutes") {
            guard let number = Int(text), SignedLogs.minutes.contains(number) else {
                throw .invalid(
                    "sasUriExpirationTimeInMinutes",
                    "The value '\(text)' of parameter 'sasUriExpirationTimeInMinutes' is not from 1 to 1440.")
            }
            minutes = number
        }
        guard let machine = store.withContent({ $0.state.machines[id] }) else { throw .notFound(id) }
        // How Azure refuses this is not known.
        guard machine.hasBootDiagnostics else {
            throw FakeARMFault(
                409, "OperationNotAllowed",
                "Boot diagnostics is not enabled for VM '\(id.name)'. Please enable boot diagnostics and retry.")
        }
        let signature = signedLogs.withLock { $0.sign(machine.machineName, minutes: minutes, at: .now) }
        let url =
            "\(exchange.endpoint)/bootdiagnostics/\(machine.machineName)/serialconsole.log?sr=b&sp=r&sig=\(signature)"
        return .json(["serialConsoleLogBlobUri": .string(url)])
    }

    /// `GET /bootdiagnostics/{machine}/serialconsole.log`, as a storage account answers.
    func bootDiagnostics(_ exchange: Exchange) -> HTTPResponse {
        let segments = exchange.segments
        guard exchange.request.method == "GET", segments.count == 3, segments[2] == "serialconsole.log" else {
            return .text("ResourceNotFound\n", status: 404)
        }
        let name = segments[1]
        guard let signature = exchange.query("sig"),
            signedLogs.withLock({ $0.permits(signature, name, at: .now) })
        else { return .text("AuthenticationFailed\n", status: 403) }
        guard let log = machines.serialLog(of: name) else { return .text("BlobNotFound\n", status: 404) }
        return HTTPResponse(status: 200, headers: ["Content-Type": "application/octet-stream"], body: log)
    }
}

extension FakeVirtualMachine {
    /// Whether Azure keeps the VM's serial log.
    fileprivate var hasBootDiagnostics: Bool {
        body.properties["diagnosticsProfile"]?["bootDiagnostics"]?["enabled"]?.boolValue == true
    }
}

/// Signatures that permit their holder to read a serial log.
struct SignedLogs {
    private struct Permission {
        let machine: String
        let end: ContinuousClock.Instant
    }

    /// The allowed lifetimes of a signature.
    static let minutes = 1...1440
    static let defaultMinutes = 120
    /// The most signatures; the oldest are forgotten.
    private static let limit = 1000

    private var permissions: [String: Permission] = [:]
    private var order: [String] = []

    /// Makes a signature.
    mutating func sign(_ machine: String, minutes: Int, at now: ContinuousClock.Instant) -> String {
        if order.count >= Self.limit { permissions[order.removeFirst()] = nil }
        let signature = RandomID.token()
        permissions[signature] = Permission(machine: machine, end: now.advanced(by: .seconds(minutes * 60)))
        order.append(signature)
        return signature
    }

    /// Whether a signature permits the reading of this machine's log.
    func permits(_ signature: String, _ machine: String, at now: ContinuousClock.Instant) -> Bool {
        guard let permission = permissions[signature] else { return false }
        return permission.machine == machine && permission.end > now
    }
}
