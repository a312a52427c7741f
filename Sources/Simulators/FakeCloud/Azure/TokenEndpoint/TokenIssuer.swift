internal import Encoding
internal import JSON
internal import Telemetry

/// Issues access tokens and looks up their holders.
struct TokenIssuer: Sendable {
    /// The principal that holds a token.
    struct Holder: Equatable, Sendable {
        var principal: String
        var audience: String
        var expires: WallTime
    }

    /// Why a token is refused.
    enum Refusal: Equatable, Sendable { case unknown, expired }

    private var holders: [String: Holder] = [:]
    private var sweepAt = 1024

    /// A new token: has the form of a JWT; its signature is random, and the issuer knows it.
    mutating func issue(
        to principal: String, tenant: String, audience: String, lifetime: Duration, at now: WallTime
    ) -> (token: String, holder: Holder) {
        let expires = WallTime(millisecondsSinceEpoch: now.millisecondsSinceEpoch + lifetime.milliseconds)
        let head: JSONValue = ["typ": "JWT", "alg": "none"]
        let claims: JSONValue = [
            "aud": .string(audience), "iss": .string("https://sts.windows.net/\(tenant)/"),
            "appid": .string(principal), "oid": .string(principal), "tid": .string(tenant),
            "iat": .integer(now.secondsSinceEpoch), "nbf": .integer(now.secondsSinceEpoch),
            "exp": .integer(expires.secondsSinceEpoch),
        ]
        let parts = [head.encoded(), claims.encoded()].map(Base64.encodeForURL)
        let token = parts.joined(separator: ".") + "." + RandomID.token()
        let holder = Holder(principal: principal, audience: audience, expires: expires)
        if holders.count >= sweepAt {
            holders = holders.filter { $0.value.expires > now }
            sweepAt = max(1024, 2 * holders.count)
        }
        holders[token] = holder
        return (token, holder)
    }

    /// The holder of a token.
    func holder(of token: String, at now: WallTime) throws(TokenRefused) -> Holder {
        guard let holder = holders[token] else { throw TokenRefused(.unknown) }
        guard holder.expires > now else { throw TokenRefused(.expired) }
        return holder
    }

    /// Revokes every token, as a change of keys does.
    mutating func revokeAll() { holders = [:] }

    struct TokenRefused: Error, Equatable {
        let refusal: Refusal
        init(_ refusal: Refusal) { self.refusal = refusal }
    }
}
