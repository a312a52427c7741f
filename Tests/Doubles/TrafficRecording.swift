internal import LinuxIO

/// Where the fake Azures of tests record the requests that they get.
package enum TrafficRecording {
    /// A new file in the directory that the variable `AZURE_RECORD_DIR` names; empty when it names none.
    package static func file() -> String {
        guard let directory = Environment.all["AZURE_RECORD_DIR"], !directory.isEmpty else { return "" }
        return "\(directory)/tests-\(UInt64.random(in: 0 ... .max)).jsonl"
    }
}
