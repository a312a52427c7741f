internal import Fuzzing
internal import PodVMBoot

/// User data is read strictly or refused. A configuration that was read, and that plain YAML can express, is the same after it
/// is written and read again.
@main
struct CloudConfigFuzzer {
    private static let firstLine = Array("#cloud-config\n".utf8)

    static func main() {
        Fuzzer.run { input in
            examine(input)
            // Without the first line, almost no input would reach the YAML parser.
            if !input.starts(with: firstLine) { examine(firstLine + input) }
            write(input)
        }
    }

    private static func examine(_ bytes: [UInt8]) {
        guard let config = try? UserData.cloudConfig(in: bytes) else { return }
        for file in config.files { require(!file.path.isEmpty) }
        guard let written = try? config.encoded() else { return }
        readAgain(config, from: written)
    }

    /// Everything that is written without an error can be read.
    private static func write(_ input: [UInt8]) {
        var dice = Dice(input)
        var files: [CloudConfig.File] = []
        for index in 0...dice.number(below: 3) {
            let content = String(decoding: dice.bytes(), as: UTF8.self)
            files.append(CloudConfig.File(path: "/run/peerpod/\(index)", content: content))
        }
        let config = CloudConfig(files: files)
        guard let written = try? config.encoded() else { return }
        readAgain(config, from: written)
    }

    private static func readAgain(_ config: CloudConfig, from written: [UInt8]) {
        guard written.count <= CloudConfig.sizeLimit else { return }
        do {
            let again = try CloudConfig(parsing: written)
            require(again == asBlocksKeep(config), "\(config) became \(again)")
        } catch {
            fail("\(config) cannot be read again: \(error)")
        }
    }

    /// A block (`|`) ends with one newline, whatever the number in its content.
    private static func asBlocksKeep(_ config: CloudConfig) -> CloudConfig {
        CloudConfig(
            files: config.files.map { file in
                var content = file.content
                while content.unicodeScalars.last == "\n" { content.unicodeScalars.removeLast() }
                return CloudConfig.File(path: file.path, content: content.isEmpty ? "" : content + "\n")
            })
    }
}
