import PodVMBoot
import Testing

@Suite("User data")
struct UserDataTests {
    @Test("is the base64 of its files in their order")
    func encoded() throws {
        var userData = UserData(try Golden.document())
        userData.registryCredentials = Array(#"{"auths":{}}"#.utf8)
        userData.initdata = try Initdata(text: Array("version = \"0.1.0\"\n".utf8))
        userData.wantsScratchSpace = true
        let text = try userData.encoded()
        let plain = try #require(OtherBase64.decode(text))
        #expect(plain.starts(with: "#cloud-config\n\nwrite_files:\n  - path: /run/peerpod/apf.json\n".utf8))
        for bytes in [Array(text.utf8), plain, Array("\(text)\n".utf8)] {
            let files = try UserData.cloudConfig(in: bytes).files
            #expect(
                files.map { GuestFile(path: $0.path) } == [
                    .bootDocument, .registryCredentials, .initdata, .scratchSpace,
                ])
            #expect(try BootDocument(parsing: Array(files[0].content.utf8)) == Golden.document())
        }
    }

    @Test("may have the maximum length that Azure accepts; the error about a longer one names the largest file")
    func budget() throws {
        var userData = UserData(BootDocument(podName: "a", podNamespace: "b"))
        func fill(_ count: Int) { userData.registryCredentials = [UInt8](repeating: 0x61, count: count) }
        fill(48_000)
        let spare = UserData.limit / 4 * 3 - (try #require(OtherBase64.decode(try userData.encoded()))).count
        fill(48_000 + spare)
        #expect(try userData.encoded().utf8.count == UserData.limit)
        fill(48_001 + spare)
        let error = #expect(throws: BootError.self) { try userData.encoded() }
        #expect(error?.code == .tooLarge)
        #expect(
            error?.reason.contains("65540 characters in base64, 4 more than the cloud's limit of 65536") == true)
        #expect(
            error?.reason.contains("the largest part is auth.json (bytes: auth.json \(48_001 + spare), apf.json 7")
                == true)
        #expect(error?.advice == "give the pod fewer image pull secrets")
    }

    @Test(
        "says so when the text is not a cloud-config",
        arguments: ["", "hello", "IyEvYmluL3NoCg==", "#!/bin/sh\n", "====", "QQ"])
    func garbage(text: String) {
        let error = #expect(throws: BootError.self) { try UserData.cloudConfig(in: Array(text.utf8)) }
        #expect(error?.description.contains("cloud-config") == true)
    }

    @Test("has the same base64 as another implementation, for bytes of any length")
    func base64() throws {
        for count in 0..<200 {
            let bytes = (0..<count).map { UInt8(ascii: "!") + UInt8(($0 &* 37 &+ count) % 90) }
            var userData = UserData(BootDocument(podName: "a", podNamespace: "b"))
            userData.registryCredentials = bytes
            #expect(try OtherBase64.decode(userData.encoded()) == userData.cloudConfig.encoded())
        }
    }
}
