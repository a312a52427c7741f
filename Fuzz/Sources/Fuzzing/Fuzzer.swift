internal import CFuzzer

/// Hands a program over to libFuzzer.
public enum Fuzzer {
    /// What is done with each input. libFuzzer runs it on one thread, and takes no context for it.
    nonisolated(unsafe) private static var examine: ([UInt8]) -> Void = { _ in }

    /// Calls `examine` with inputs until libFuzzer's options say to stop; what it finds wrong it
    /// says with ``require``.
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
