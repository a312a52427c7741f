internal import Glibc

/// Ends the run with `message` when the condition is false. Unlike a precondition, it prints the message in an optimised build
/// too.
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
