import JSON
import Testing

@testable import AzurePreflight

@Suite("Permissions")
struct PermissionsTests {
    @Test("are the actions that a role allows and does not exclude, in any case")
    func roles() throws {
        let rights = try Self.rights([
            ["actions": ["Microsoft.Compute/*", "*/read"], "notActions": ["*/delete"]],
            ["actions": ["microsoft.compute/DISKS/delete"]],
        ])
        #expect(rights.allow("Microsoft.Compute/virtualMachines/write"))
        #expect(rights.allow("Microsoft.Network/networkInterfaces/read"))
        #expect(
            rights.allow("Microsoft.Compute/disks/delete"), "the second role allows the actions that the first excludes"
        )
        #expect(
            rights.missing(of: ["Microsoft.Compute/virtualMachines/delete", "Microsoft.Compute/disks/read"])
                == ["Microsoft.Compute/virtualMachines/delete"])
        #expect(try Self.rights([]).missing(of: ["a/b"]) == ["a/b"])
    }

    @Test(
        "treat a star as a wildcard",
        arguments: [
            ("*", true), ("a/b/read", true), ("A/*/READ", true), ("*/read", true), ("a/*", true), ("*b*", true),
            ("a/b/rea", false), ("a/b/read/", false), ("*/write", false), ("", false), ("a/*/*/read", false),
            ("**read**", true), ("*e*e*", false),
        ])
    func stars(pattern: String, matches: Bool) {
        #expect(Permissions.matches("a/b/read", pattern) == matches)
    }

    @Test("match hostile patterns in bounded time")
    func patience() {
        let text = String(repeating: "a", count: 2000)
        #expect(!Permissions.matches(text, String(repeating: "*a", count: 500) + "b"))
    }

    static func rights(_ roles: [JSONValue]) throws -> Permissions { try Permissions(roles.map { try JSONNode($0) }) }
}
