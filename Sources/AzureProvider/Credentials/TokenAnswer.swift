internal import HTTPTransport
internal import JSON
internal import PodVMLifecycle

/// A server's answer to a request for a token. Entra ID writes numbers as numbers, the metadata service writes them as
/// strings.
enum TokenAnswer {
    /// Longer answers are not tokens.
    static let sizeLimit = 256 << 10
    /// No token of Azure is valid for longer; a longer time comes from a wrong clock.
    private static let longestLife = 48 * 3600 as Int64

    /// Reads the token of an answer with status 200.
    ///
    /// `wallClock`, in seconds since 1970, is this node's, and may be wrong. The token's end is `expires_in` after the
    /// request; `expires_on` can only make it earlier.
    static func token(
        in body: [UInt8], asked: ContinuousClock.Instant, wallClock: Int64
    ) throws(CredentialError) -> AccessToken {
        let object = try members(of: body)
        guard let text = object.member("access_token")?.stringValue, !text.isEmpty else {
            throw .malformed("it has no access_token")
        }
        // The token is written into a header field, where a line break would begin another field.
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw .malformed("its access_token has characters that no header can carry")
        }
        if let type = object.member("token_type")?.stringValue, type.lowercased() != "bearer" {
            throw .malformed("its token_type is not Bearer")
        }
        let seconds = try lifetime(object, wallClock: wallClock)
        let refresh = object.member("refresh_in")?.lenientInteger.flatMap { 0 < $0 && $0 < seconds ? $0 : nil }
        return AccessToken(
            text, lifetime: .seconds(seconds), refreshIn: refresh.map { .seconds($0) }, asked: asked)
    }

    private static func lifetime(_ object: JSONValue, wallClock: Int64) throws(CredentialError) -> Int64 {
        let relative = object.member("expires_in")?.lenientInteger
        let absolute = object.member("expires_on")?.lenientInteger.flatMap { end -> Int64? in
            let (left, overflow) = end.subtractingReportingOverflow(wallClock)
            return overflow || left <= 0 ? nil : left
        }
        guard let seconds = [relative, absolute].compactMap(\.self).min() else {
            throw .malformed("neither expires_in nor expires_on says how long it lives; is this host's clock right?")
        }
        guard seconds > 0 else { throw .malformed("it had expired when it came") }
        return min(seconds, longestLife)
    }

    private static func members(of body: [UInt8]) throws(CredentialError) -> JSONValue {
        let limits = JSONLimits(size: sizeLimit, depth: 16, allowsDuplicateKeys: true)
        do throws(JSONError) {
            let value = try JSONValue(parsing: body, limits: limits)
            _ = try JSONNode(value)
            return value
        } catch {
            throw .malformed("it is not a JSON object (\(error))")
        }
    }

    /// The error of any other status: `error`, the numbers of `error_codes`, and the description's first line.
    struct Refusal: Equatable, Sendable {
        /// The OAuth error, such as `invalid_client`, or empty.
        var error = ""
        /// The digits of Entra's `AADSTS7000215`.
        var codes: [Int64] = []
        var words = ""
    }

    /// Reads the members that are present.
    static func refusal(in body: [UInt8]) -> Refusal {
        guard let object = try? members(of: body) else { return Refusal() }
        let words = object.member("error_description")?.stringValue ?? ""
        return Refusal(
            error: object.member("error")?.stringValue.map { LogText.sanitized($0, limit: 64) } ?? "",
            codes: object.member("error_codes")?.arrayValue?.prefix(8).compactMap(\.lenientInteger) ?? [],
            words: LogText.sanitized(words.prefix { !$0.isNewline }, limit: 500))
    }
}

extension CredentialError {
    /// The caller supplies the first half of the sentence.
    static func malformed(_ clause: String) -> CredentialError {
        CredentialError(.malformed, "the answer is not a token: \(clause)")
    }
}
