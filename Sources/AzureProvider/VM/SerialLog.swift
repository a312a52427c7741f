internal import HTTPTransport
internal import JSON
internal import PodVMLifecycle

/// The end of a VM's serial log. Azure keeps the log when boot diagnostics are on.
///
/// A guest that powers itself off has written its reason there.
struct SerialLog: Sendable {
    /// The last lines that are shown, and the most characters of them.
    private static let (lines, characters) = (12, 1500)
    /// The longest log that is read. One of a VM that did not start a pod has some ten thousand bytes.
    private static let sizeLimit = 4 << 20

    let context: AzureContext
    let id: InstanceID

    /// The last lines, separated by " | "; nil if there is no log. Calls `tell` with the reason why it cannot be read.
    func end(tell: (String) -> Void) async -> String? {
        let url: String?
        do throws(ARMError) {
            url = try await address()
        } catch {
            tell("\(error)")
            return nil
        }
        guard let url else { return nil }
        var request = OutgoingRequest("GET", url)
        request.timeLimit = .seconds(20)
        request.responseLimit = Self.sizeLimit
        // The address is not in messages: its query has a signature.
        guard let answer = try? await context.arm.sender.send(request) else {
            tell("the storage account did not answer")
            return nil
        }
        guard answer.status == 200 else {
            tell("the storage account answered with status \(answer.status)")
            return nil
        }
        return Self.end(of: answer.body)
    }

    /// The address of the log, which carries its own permission; nil if the VM has no boot diagnostics.
    private func address() async throws(ARMError) -> String? {
        var request = context.resources.request("POST", .vm, id.rawValue)
        request.path += "/retrieveBootDiagnosticsData"
        request.timeLimit = .seconds(20)
        let node = try await context.arm.send(request).node(of: request)
        let url = try context.resources.read(node, "boot diagnostics") { node throws(JSONError) in
            try node.optionalString("serialConsoleLogBlobUri")
        }
        return url.flatMap { ARMLink.download($0, at: context.arm.account.endpoint) }
    }

    /// The last lines of a serial console's bytes, without the codes of terminals.
    static func end(of bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes.suffix(16 << 10), as: UTF8.self)
        let lines = withoutTerminalCodes(text).split(whereSeparator: \.isNewline)
            .map { LogText.sanitized($0, limit: 300).split(separator: " ").joined(separator: " ") }
            .filter { !$0.isEmpty }
        guard !lines.isEmpty else { return nil }
        let end = lines.suffix(Self.lines).joined(separator: " | ")
        return end.count <= Self.characters ? end : "…\(end.suffix(Self.characters))"
    }

    /// Removes escape sequences: ESC [, parameters and a letter; or ESC and one character.
    private static func withoutTerminalCodes(_ text: String) -> String {
        var result = ""
        var rest = text.unicodeScalars[...]
        while let character = rest.popFirst() {
            if character != "\u{1B}" {
                if character != "\0" { result.unicodeScalars.append(character) }
            } else if rest.popFirst() == "[" {
                while let next = rest.popFirst(), !(0x40...0x7E).contains(next.value) {}
            }
        }
        return result
    }
}
