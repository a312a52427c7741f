internal import Encoding
internal import Telemetry

/// Removes secrets from the files of a support bundle.
///
/// First all texts are searched for secrets, then each secret is removed from all texts: a password that one file names
/// as such is removed from a log that only quotes it.
struct SupportRedaction {
    /// Shorter values are removed where they are named as secrets, but not elsewhere.
    private static let shortest = 8
    private static let cover = "‹secret›"

    private var filter = SecretFilter()
    private var known: Set<String> = []

    /// A redaction that knows no secret.
    init() {}

    /// Learns a secret, in its forms: itself, in JSON, in base64, and the password of `user:password` in base64.
    mutating func hide(_ secret: String) {
        guard secret.utf8.count >= Self.shortest, known.insert(secret).inserted else { return }
        filter.hide(Secret(secret))
        let bytes = Array(secret.utf8)
        for encoded in [Base64.encode(bytes), Base64.encodeForURL(bytes)] { filter.hide(Secret(encoded)) }
        if let decoded = Base64.decode(bytes), let text = String(validating: decoded, as: UTF8.self), text.contains(":")
        {
            let password = text.drop { $0 != ":" }.dropFirst()
            hide(text)
            hide(String(password))
        }
        // The lines of a key, which other files may have in a row.
        for line in secret.split(whereSeparator: { $0.isNewline || $0 == "\\" }) where line.count > 40 {
            filter.hide(Secret(String(line)))
        }
    }

    /// Learns the secrets that `text` names as such.
    mutating func learn(from text: String) {
        for range in SensitiveText.ranges(in: text) { hide(String(text[range])) }
    }

    /// `text` without secrets.
    func redacted(_ text: String) -> String {
        var shown = ""
        var position = text.startIndex
        for range in SensitiveText.ranges(in: text) {
            shown += text[position..<range.lowerBound] + Self.cover
            position = range.upperBound
        }
        shown += text[position...]
        return filter.redacted(shown)
    }
}
