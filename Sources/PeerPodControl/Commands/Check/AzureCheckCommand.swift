internal import AzurePreflight
internal import AzureProvider
internal import Configuration
internal import HTTPTransport
internal import LinuxIO
internal import Preflight
internal import Telemetry

/// `peerpodctl check azure`, after its flags have been read.
struct AzureCheckCommand: Sendable {
    let options: AzureCheckOptions
    let output: Program.Output

    /// Checks Azure, prints the findings, and returns the exit status.
    func run() -> Int32 {
        var transport = HTTPClient.Options()
        transport.authorityFile = options.azure.authorityFile.isEmpty ? nil : options.azure.authorityFile
        let frame = CheckRun(command: "peerpodctl check azure", isJSON: options.isJSON, output: output)
        return frame.run(transport) { loop, http, logger in
            await AzureCheck(options.azure, options.situation, sender: http, on: loop, logger: logger).run()
        }
    }
}
