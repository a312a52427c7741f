import LinuxIO
import Testing

@testable import TLS

@Suite("SSH keys")
struct SSHKeyTests {
    @Test("made without a private key are Ed25519, have one line that can be parsed again, and are different each time")
    func made() throws {
        let key = try SSHPublicKey.makeWithoutPrivateKey()
        // The kind and the length of what follows are the same 19 bytes in every such key.
        #expect(key.description.hasPrefix("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"))
        #expect(key.description.hasSuffix(" peerpod"))
        #expect(key.description.count == "ssh-ed25519 ".count + 68 + " peerpod".count)
        #expect(try SSHPublicKey(parsing: key.description + "\n", from: "itself") == key)
        #expect(try SSHPublicKey.makeWithoutPrivateKey() != key)
    }

    @Test("are read from a file whose path names environment variables")
    func read() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/ssh-key.")
        defer { try? Files.removeTree(directory) }
        let text = "ssh-ed25519 \(Self.letters)   me@home\r\n\n"
        try Files.write(text.utf8, to: directory + "/id.pub", at: 0, mode: 0o644)
        for path in ["$KEYS/id.pub", "${KEYS}/${NAME}.pub", directory + "/id.pub$NOTHING"] {
            let key = try SSHPublicKey.read(path, environment: ["KEYS": directory, "NAME": "id"])
            #expect(key.description == "ssh-ed25519 \(Self.letters) me@home")
        }
        try Files.setPermissions(0o664, of: directory + "/id.pub")
        let warning = SSHPublicKey.modeWarning("$KEYS/id.pub", environment: ["KEYS": directory])
        #expect(warning == "\(directory)/id.pub has mode 0664, not 0600")
        try Files.setPermissions(0o600, of: directory + "/id.pub")
        #expect(SSHPublicKey.modeWarning("$KEYS/id.pub", environment: ["KEYS": directory]) == nil)
        #expect(throws: SSHKeyError.self) { try SSHPublicKey.read("$KEYS/none.pub", environment: ["KEYS": directory]) }
    }

    @Test(
        "are refused with the file's name when the file has another content",
        arguments: [
            "", " \n", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n",
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY= me", "ssh-ed25519", "ssh-ed25519 !!!!",
            "ssh-ed25519 AAAA", "ssh-rsa \(letters)", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "\u{0}\u{1}\u{ff}",
            "ssh-ed25519 \(letters)\nssh-ed25519 \(letters)\n",
        ])
    func refused(text: String) throws {
        let error = #expect(throws: SSHKeyError.self) { try SSHPublicKey(parsing: text, from: "/keys/a.pub") }
        #expect(error?.description.hasPrefix("/keys/a.pub") == true)
    }

    private static let letters = "AAAAC3NzaC1lZDI1NTE5AAAAIE1qYc0T2jQ3Xo3i0fGZ0qkGqkQ2mTt0xGqf0mXnJ4Wd"
}
