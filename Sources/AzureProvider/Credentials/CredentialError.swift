internal import Telemetry

/// Why there is no token.
package struct CredentialError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// Something has to be given, or a file to be written.
        case incomplete
        /// Who gives tokens has said no; asking again does not help.
        case refused
        /// Nobody gives tokens at the moment.
        case unreachable
        /// What came is no token.
        case malformed
        case cancelled
    }

    package var kind: Kind
    /// `AADSTS7000215`, `invalid_client`, or empty.
    package var code: String
    /// What failed, on what, why, and what to do. No secret.
    package var description: String
    package var retryAfter: Duration?

    package init(_ kind: Kind, code: String = "", _ description: String) {
        self.kind = kind
        self.code = code
        self.description = description
    }

    /// The error without what `redactor` hides.
    func redacted(by redactor: Redactor) -> CredentialError {
        var error = self
        error.code = redactor.redacted(code)
        error.description = redactor.redacted(description)
        return error
    }
}
