internal import Encoding
internal import JSON

/// The rules for names of resources.
enum ResourceName {
    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    private static func isWord(_ byte: UInt8) -> Bool { isLetterOrDigit(byte) || byte == UInt8(ascii: "_") }

    /// Whether `name` begins with a letter or digit, has only those and `_.-`, and ends with neither `.` nor `-`.
    static func isResourceName(_ name: String, limit: Int) -> Bool {
        let bytes = name.utf8
        guard let first = bytes.first, let last = bytes.last, bytes.count <= limit else { return false }
        return isLetterOrDigit(first) && isWord(last)
            && bytes.allSatisfy { isWord($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
    }

    /// Refuses a name that a Linux VM cannot have.
    static func checkMachineName(_ name: String) throws(FakeARMFault) {
        guard isResourceName(name, limit: 64) else {
            throw .invalid(
                "vmName",
                "The entity name 'vmName' is invalid according to its validation rule: "
                    + "^[^_\\W][\\w-._]{0,63}(?<![-.])$.")
        }
    }

    static func checkNetworkName(_ name: String, _ target: String) throws(FakeARMFault) {
        guard isResourceName(name, limit: 80) else {
            throw FakeARMFault(
                400, "InvalidResourceName",
                "Resource name \(name) is invalid. The name can be up to 80 characters long. It must begin with a word "
                    + "character, and it must end with a word character or with '_'. The name may contain word "
                    + "characters or '.', '-', '_'.", target: target)
        }
    }
}

/// The rules for tags.
enum Tags {
    /// Characters that ARM refuses in a tag's name.
    private static let forbidden: Set<Character> = ["<", ">", "%", "&", "\\", "?", "/"]

    static func check(_ tags: JSONObject) throws(FakeARMFault) -> JSONObject {
        guard tags.count <= 50 else {
            throw FakeARMFault(
                400, "InvalidTagCount",
                "The number of tags on the resource, \(tags.count), exceeds the maximum of 50.", target: "tags")
        }
        for (name, value) in tags.entries {
            guard case .string(let text) = value else {
                throw FakeARMFault(
                    400, "InvalidTagValueType", "The value of tag '\(name)' must be a string.", target: "tags")
            }
            guard 1...512 ~= name.count else {
                throw FakeARMFault(
                    400, "InvalidTagNameLength",
                    "Tag name too large. Following tag name '\(name)' exceeded the maximum length. Maximum allowed "
                        + "length for tag name - '512' characters.", target: "tags")
            }
            guard !name.contains(where: forbidden.contains) else {
                throw FakeARMFault(
                    400, "InvalidTagNameCharacters",
                    "The tag name '\(name)' contains invalid characters '<,>,%,&,\\,?,/' or control characters.",
                    target: "tags")
            }
            guard text.count <= 256 else {
                throw FakeARMFault(
                    400, "InvalidTagValueLength",
                    "Tag value too large. Following tag value '\(text)' exceeded the maximum length. Maximum allowed "
                        + "length for tag value - '256' characters.", target: "tags")
            }
        }
        return tags
    }
}

/// The rules for user data.
enum UserDataRule {
    /// Characters of base64.
    static let limit = 65536

    static func check(_ text: String) throws(FakeARMFault) {
        guard text.utf8.count <= limit, Base64.decode(text.utf8) != nil else {
            throw .invalid(
                "userData",
                "User data must be in Base64 encoding and with a maximum length of \(limit) characters; "
                    + "it has \(text.utf8.count).")
        }
    }
}
