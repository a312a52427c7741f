internal import CFuzzer

/// Runs a program under libFuzzer.
public enum Fuzzer {
    /// The function that examines each input. libFuzzer calls it on one thread, without a context.
    nonisolated(unsafe) private static var examine: ([UInt8]) -> Void = { _ in }

    /// Calls `examine` with inputs until libFuzzer's options end the run. `examine` reports errors with ``require``.
    public static func run(_ examine: @escaping ([UInt8]) -> Void) {
        unsafe Fuzzer.examine = examine
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv
        _ = unsafe LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
            unsafe Fuzzer.examine(Array(UnsafeBufferPointer(start: bytes, count: count)))
            return 0
        }
    }
}
