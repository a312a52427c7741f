/// How to take back what has been done so far, newest first.
struct Undo {
    private var steps: [(what: String, body: () throws(PodNetworkError) -> Void)] = []

    /// Notes a step, before it is made: its answer may get lost. `body` must bear that it never happened.
    mutating func note(_ what: String, _ body: @escaping () throws(PodNetworkError) -> Void) {
        steps.append((what, body))
    }

    /// Takes all back, and returns `cause` with what could not be.
    func all(after cause: PodNetworkError) -> PodNetworkError {
        var cause = cause
        for step in steps.reversed() {
            // What is in the way of one step need not be in the way of the next.
            do throws(PodNetworkError) { try step.body() } catch { cause.leftBehind.append(step.what) }
        }
        return cause
    }
}
