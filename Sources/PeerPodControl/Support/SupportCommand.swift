internal import Configuration
internal import HTTPTransport
internal import LinuxIO
internal import Telemetry

/// `peerpodctl support`, after its flags have been read.
struct SupportCommand: Sendable {
    let options: SupportOptions
    let output: Program.Output

    /// Collects, writes the archive and says what is in it; returns the exit status.
    func run() -> Int32 {
        do {
            let now = WallTime.now
            let collected = try LoopFrame.run(HTTPClient.Options()) { loop, http, _ in
                var collector = SupportCollector(options, http, on: loop)
                await collector.collect()
                return collector.bundle
            }
            guard var bundle = collected else { return ExitStatus.interrupted }
            let file = options.file.isEmpty ? "peerpods-support-\(now.secondsSinceEpoch).tar.gz" : options.file
            let bytes = bundle.archive("Support bundle of the node \(SystemInfo.hostName)", now: now)
            try Files.create(file, bytes)
            output.standard(Self.report(bundle, file, bytes.count))
            return ExitStatus.success
        } catch {
            output.error("peerpodctl support: \(error)\n")
            return ExitStatus.failure
        }
    }

    private static func report(_ bundle: SupportBundle, _ file: String, _ size: Int) -> String {
        var lines = ["\(file): \(bundle.names.count) files, \((size + 1023) / 1024) KiB, readable only by this user"]
        lines += bundle.notes.map { "missing: \($0)" }
        lines.append(
            "Secrets are removed; names and addresses are included. Read the files before you give them to others.")
        return lines.map { $0 + "\n" }.joined()
    }
}
