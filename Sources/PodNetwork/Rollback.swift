/// The steps that undo the changes so far, newest first.
struct Rollback {
    private var steps: [(what: String, body: () throws(PodNetworkError) -> Void)] = []

    /// Adds a step. Call it before the change that the step undoes, because the kernel's answer to the change may get
    /// lost. So `body` must also succeed if the change was never made.
    mutating func add(_ what: String, _ body: @escaping () throws(PodNetworkError) -> Void) {
        steps.append((what, body))
    }

    /// Runs all steps; returns `cause` with the steps that failed.
    func run(after cause: PodNetworkError) -> PodNetworkError {
        var cause = cause
        for step in steps.reversed() {
            // A step that fails does not prevent the others.
            do throws(PodNetworkError) { try step.body() } catch { cause.leftBehind.append(step.what) }
        }
        return cause
    }
}
