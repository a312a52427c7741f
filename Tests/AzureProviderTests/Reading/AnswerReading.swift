package import HTTPTransport
internal import JSON
internal import Telemetry

@testable internal import AzureProvider

/// An answer, read by each of our readers of Azure's answers in turn: as a token and its refusal, as a page of a list,
/// as an operation's state, as an error, and as a rate limit.
///
/// For the fuzzer AzureAnswerFuzzer, which builds this folder as a module of its own, and for tests: it sends nothing, and reports
/// the results of all readers.
package struct AnswerReading: Sendable {
    /// All text that would be part of an error or a log line.
    package private(set) var texts: [String] = []
    /// The links that would be followed, with the token.
    package private(set) var links: [String] = []
    /// The time for which the token would be used, in seconds.
    package private(set) var tokenLife: Double?
    /// The wait of the client before the next call, in seconds.
    package private(set) var pause: Double?
    /// The number of a list's elements.
    package private(set) var elements = 0

    /// Reads an answer that a server at `endpoint` may have sent.
    package init(_ response: HTTPResponse, endpoint: String) {
        readToken(response)
        texts.append(RequestIDs(response.headers, client: "").description)
        pause = ARMPause.advised(response.headers).map { $0 / .seconds(1) }
        throttle(response)
        do {
            let body = try ARMBody.read(response, limit: 1 << 20)
            if let fault = ARMFault(body) { add(fault) }
            readOperation(ARMAnswer(status: response.status, headers: response.headers, body: body), at: endpoint)
            texts += ResourceReading.texts(of: body)
            let page = try ARMPage(body)
            elements = page.elements.count
            follow(page.next, at: endpoint)
        } catch {
            texts.append("\(error)")
        }
    }

    private mutating func readToken(_ response: HTTPResponse) {
        let asked = ContinuousClock.now
        do throws(CredentialError) {
            let token = try TokenAnswer.token(in: response.body, asked: asked, wallClock: 1_767_225_600)
            tokenLife = asked.duration(to: token.expires) / .seconds(1)
            texts.append("\(token)")
        } catch {
            texts.append(error.description)
        }
        let failure = TokenFailure(response, from: "", isUpdated: true)
        texts += [failure.error.code, failure.error.description]
    }

    private mutating func readOperation(_ answer: ARMAnswer, at endpoint: String) {
        for method in ["PUT", "DELETE"] {
            guard let operation = ARMOperation(answer, of: ARMRequest(method, "/x", apiVersion: "1")) else { continue }
            switch operation.place {
            case .status(let url), .result(let url): follow(url, at: endpoint)
            case .resource: break
            }
            do throws(JSONError) {
                if case .failed(let error) = try operation.status(in: answer) { texts.append(error.description) }
            } catch {
                texts.append(error.description)
            }
        }
    }

    /// Passes the answer to a pacer, which must continue to permit calls.
    private mutating func throttle(_ response: HTTPResponse) {
        let now = ContinuousClock.now
        var pacer = Pacer(.init(size: 1, rate: 1), now: now)
        for quota in QuotaHeaders.remaining(response.headers) {
            texts.append(quota.name)
            let share = quota.count / max(quota.known ?? 0, quota.count, 1)
            pacer.served(at: now, takenIn: 0, share: share, random: 0.5)
        }
        pacer.refused(at: now, takenIn: 0, pause: ARMPause.advised(response.headers), random: 0.5)
        let isStuck = pacer.take(at: now.advanced(by: .seconds(30_000)), random: 0.5) != nil
        precondition(!isStuck, "hours later no call would go")
    }

    private mutating func follow(_ link: String?, at endpoint: String) {
        guard let link else { return }
        texts.append(LogText.sanitized(link, limit: 100))
        if let whole = ARMLink.follow(link, at: endpoint) { links.append(whole) }
    }

    private mutating func add(_ fault: ARMFault) {
        texts += [fault.code, fault.message, fault.target ?? "", fault.root?.code ?? "", fault.root?.message ?? ""]
    }
}

/// A document read as each kind of resource, for fuzzing.
enum ResourceReading {
    /// The parts that would be used in names, paths, logs and errors.
    static func texts(of document: JSONValue?) -> [String] {
        let nodes = ([document] + (document?["value"]?.arrayValue ?? [])).compactMap {
            $0.flatMap { try? JSONNode($0) }
        }
        var texts: [String] = []
        for node in nodes {
            texts += read {
                try VirtualMachine(node)
            } told: { machine in
                [
                    machine.name, machine.interfaceName ?? "", machine.fault?.code ?? "", machine.fault?.message ?? "",
                    machine.vmID ?? "", machine.size ?? "", machine.created.map { "\($0)" } ?? "",
                ]
            }
            for kind in [ResourceKind.interface, .disk, .publicAddress] {
                texts += read {
                    try VMPart(node, kind)
                } told: { part in
                    [part.name, part.id, part.created.map { "\($0)" } ?? ""]
                }
            }
            texts += read {
                try AzureNetworkInterface(node)
            } told: { interface in
                [interface.privateAddress ?? "", interface.publicAddress ?? "", interface.vm ?? ""]
            }
            texts += read {
                try VMSize(node, in: "eastus")
            } told: { size in
                precondition(size.map { $0.memoryMiB >= 0 } ?? true, "no size has less than no memory")
                return [size?.name ?? "", size?.family ?? "", size?.restriction ?? ""]
            }
        }
        if let catalog = try? SizeCatalog(nodes, in: "eastus") {
            texts += catalog.nearest(to: "Standard_DC2es_v6", isConfidential: false)
        }
        return texts
    }

    private static func read<Value>(_ parse: () throws -> Value, told: (Value) -> [String]) -> [String] {
        do { return told(try parse()) } catch { return ["\(error)"] }
    }
}
