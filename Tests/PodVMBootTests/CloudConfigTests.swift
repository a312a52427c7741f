import PodVMBoot
import Testing

@Suite("cloud-config")
struct CloudConfigTests {
    private func read(_ text: String) throws -> [CloudConfig.File] { try CloudConfig(parsing: Array(text.utf8)).files }

    private let config = CloudConfig(files: [
        .init(path: "/run/peerpod/apf.json", content: "{\n    \"a\": 1\n\n}\n"),
        .init(path: "/run/peerpod/initdata", content: "H4sI/+A="),
        .init(path: "/run/peerpod/scratch-space.marker", content: ""),
    ])

    @Test("writes exactly the text that strict guests read")
    func written() throws {
        #expect(
            String(decoding: try config.encoded(), as: UTF8.self) == """
                #cloud-config

                write_files:
                  - path: /run/peerpod/apf.json
                    content: |
                      {
                          "a": 1
                      \("")
                      }
                  - path: /run/peerpod/initdata
                    content: |
                      H4sI/+A=
                  - path: /run/peerpod/scratch-space.marker

                """)
    }

    @Test("parses the text that it writes, with the newline at the end of a block")
    func readBack() throws {
        let files = try CloudConfig(parsing: config.encoded()).files
        #expect(files.map(\.path) == config.files.map(\.path))
        #expect(files.map(\.content) == ["{\n    \"a\": 1\n\n}\n", "H4sI/+A=\n", ""])
    }

    @Test(
        "parses other notations of the same content",
        arguments: [
            "#cloud-config\nwrite_files:\n- path: /a\n  content: 'x'\n",
            "#cloud-config\n\nwrite_files: [{path: /a, content: x}]\n",
            "#cloud-config\n---\nwrite_files:\n  - content: \"x\"\n    path: \"/a\"\n...\n",
            "#cloud-config\nwrite_files:\n  - path: /a # a comment\n    content: |-\n      x\n",
        ])
    func variants(text: String) throws {
        #expect(try read(text) == [.init(path: "/a", content: "x")])
    }

    @Test("a file without content is empty, and the list of files may be empty")
    func empty() throws {
        #expect(try read("#cloud-config\nwrite_files:\n") == [])
        #expect(try read("#cloud-config\nwrite_files: []\n") == [])
        #expect(try read("#cloud-config\nwrite_files:\n- path: /a\n  content:\n") == [.init(path: "/a", content: "")])
        #expect(
            try read("#cloud-config\nwrite_files:\n- path: /a\n  content: \"~\"\n") == [.init(path: "/a", content: "~")]
        )
    }

    @Test(
        "refuses every text outside its strict subset of YAML",
        arguments: [
            ("", "first line"), ("write_files: []\n", "first line"), ("#cloud-config", "first line"),
            ("#cloud-config \nwrite_files: []\n", "first line"), ("\n#cloud-config\n", "first line"),
            ("#cloud-config\r\nwrite_files: []\r\n", "first line"), ("#!/bin/sh\n", "first line"),
            ("#cloud-config\n", "expected write_files"), ("#cloud-config\n{}\n", "expected write_files"),
            ("#cloud-config\n- a\n", "line 2: expected write_files"),
            ("#cloud-config\nruncmd: [a]\n", "line 2: unknown key"),
            ("#cloud-config\nwrite_files: []\nwrite_files: []\n", "line 3: write_files occurs twice"),
            ("#cloud-config\nwrite_files: x\n", "expected a list"),
            ("#cloud-config\nwrite_files: {}\n", "expected a list"),
            ("#cloud-config\nwrite_files: [x]\n", "expected a file"),
            ("#cloud-config\nwrite_files: [{content: x}]\n", "no path"),
            ("#cloud-config\nwrite_files: [{path: ~}]\n", "no path"),
            ("#cloud-config\nwrite_files: [{path: /a, path: /b}]\n", "path occurs twice"),
            ("#cloud-config\nwrite_files: [{path: /a, content: x, content: y}]\n", "content occurs twice"),
            (
                "#cloud-config\nwrite_files: [{path: /a}, {path: /a}]\n",
                "line 2: the path of another file occurs again"
            ),
            ("#cloud-config\nwrite_files: [{path: /a, permissions: '0600'}]\n", "line 2: unknown key"),
            ("#cloud-config\nwrite_files: [{path: [/a]}]\n", "expected text"),
            ("#cloud-config\nwrite_files: [{[a]: b}]\n", "expected a key"),
            ("#cloud-config\nwrite_files: [{path: &a /a, content: *a}]\n", "aliases"),
            ("#cloud-config\nwrite_files: [{path: /a, content: !!binary eA==}]\n", "aliases"),
            ("#cloud-config\nwrite_files: &x []\n", "aliases"), ("#cloud-config\n&x {write_files: []}\n", "aliases"),
            ("#cloud-config\nwrite_files: []\n---\nwrite_files: []\n", "another document"),
            ("#cloud-config\nwrite_files:\n  - path: /a\n content: x\n", "line 4"),
            ("#cloud-config\nwrite_files: [{path: /a, content: \"\u{1}\"}]\n", "control characters"),
            ("#cloud-config\nwrite_files: [{path: /a\n", "line"), ("#cloud-config\n\twrite_files: []\n", "line 2"),
        ])
    func refused(text: String, reason: String) {
        let error = #expect(throws: BootError.self) { try read(text) }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }

    @Test(
        "shows nothing of a key or path in an error, because content without indentation is parsed as such",
        arguments: [
            "S3cretT0ken: x\n", "write_files:\n- path: /a\n  S3cretT0ken: x\n", "write_files: [{S3cretT0ken}]\n",
            "write_files: [{path: /S3cretT0ken}, {path: /S3cretT0ken}]\n", "S3cretT0ken\n", "[S3cretT0ken\n",
            "write_files:\n- path: /a\n  content: |\n    {\nS3cretT0ken\n", "write_files: S3cretT0ken\n",
            "write_files: [{path: *S3cretT0ken}]\n", "write_files: [{path: !S3cretT0ken x}]\n", "? S3cretT0ken\n",
            "write_files: [{path: /a, content: {S3cretT0ken: x}}]\n", "\"S3cretT0ken\\q\": x\n",
        ])
    func shown(text: String) {
        let error = #expect(throws: BootError.self) { try read("#cloud-config\n\(text)") }
        #expect(error?.description.contains("S3cret") == false, "\(String(describing: error))")
        #expect(error?.description.contains("line ") == true)
    }

    @Test("refuses a document that would expand, without using memory")
    func laughs() {
        let text =
            "#cloud-config\nwrite_files:\n  - &a [x, x, x, x, x, x, x, x, x]\n"
            + (1..<30).map { "  - &a\($0) [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n" }.joined()
        #expect(throws: BootError.self) { try read(text) }
        for nest in ["[", "{", "- ", "? ", "{a: "] {
            let deep = "#cloud-config\nwrite_files: \n  " + String(repeating: nest, count: 50_000)
            #expect(throws: BootError.self) { try read(deep) }
        }
        let long = "#cloud-config\n" + String(repeating: "#", count: CloudConfig.sizeLimit)
        #expect(throws: BootError.self) { try read(long) }
    }

    @Test("shows no content that lost its indentation")
    func noContent() {
        let text =
            "#cloud-config\nwrite_files:\n  - path: /a\n    content: |\n  TUlHSEFnRUFNQk1HQnlxR1NNNDlBZ0VHQ0NxR1NNNDk: x\n"
        let error = #expect(throws: BootError.self) { try read(text) }
        #expect(error?.description.contains("TUlH") == false)
    }

    @Test(
        "refuses to write content that would not be parsed unchanged",
        arguments: [
            CloudConfig.File(path: "/a", content: " x"), .init(path: "/a", content: "\n\tx"),
            .init(path: "/a", content: "a\r\nb"), .init(path: "/a", content: "a\u{0}"),
            .init(path: "/a", content: "a\u{2028}b"), .init(path: "/a", content: "\n\n"),
            .init(path: "a", content: "x"),
            .init(path: "/a b", content: "x"), .init(path: "/a\n", content: "x"), .init(path: "/a#", content: "x"),
        ])
    func unwritable(file: CloudConfig.File) {
        #expect(throws: BootError.self) { try CloudConfig(files: [file]).encoded() }
    }

    @Test("parses everything that it writes to the same content")
    func anyContent() throws {
        let alphabet = Array("ab: -#|>'\"{}[]&*!%@`\n\n\t\\,?é😀\u{85}\u{A0}\u{D7FF}\u{E000}".unicodeScalars)
        for _ in 0..<3000 {
            var content = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0..<30) { alphabet.randomElement().map { content.append($0) } }
            let file = CloudConfig.File(path: "/a", content: String(content))
            guard let text = try? CloudConfig(files: [file, .init(path: "/b", content: "z")]).encoded() else {
                continue
            }
            let ends = file.content.isEmpty || file.content.hasSuffix("\n")
            var expected = file.content + (ends ? "" : "\n")
            // Of several newlines at the end, a block keeps one.
            while expected.hasSuffix("\n\n") { expected.removeLast() }
            #expect(try CloudConfig(parsing: text).files.first?.content == expected, "\(file.content.debugDescription)")
        }
    }
}
