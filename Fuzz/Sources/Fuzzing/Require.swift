internal import Glibc

/// Ends the run with `message` when the condition does not hold; unlike a precondition it still
/// says so in an optimised build.
public func require(
    _ condition: Bool, _ message: @autoclosure () -> String = "", file: StaticString = #fileID, line: UInt = #line
) {
    if !condition { fail(message(), file: file, line: line) }
}

/// Ends the run with `message`: libFuzzer keeps the input.
public func fail(_ message: String, file: StaticString = #fileID, line: UInt = #line) -> Never {
    let text = Array("FAIL \(file):\(line): \(message)\n".utf8)
    _ = unsafe write(STDERR_FILENO, text, text.count)
    abort()
}
