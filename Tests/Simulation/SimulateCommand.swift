internal import LinuxIO

/// The program `simulate`: runs schedules and prints a summary.
package enum SimulateCommand {
    private static let usage = """
        usage: simulate [--schedules N] [--seed SEED] [--threads N] [--defect NAME | --defects] [--trace]
        """
    /// From this number of schedules on, each kind of fault must have been injected, and each rule checked.
    private static let completeness = 20_000
    /// The schedules within which a planted defect must break a rule.
    private static let searched = 50_000

    /// Returns the exit status: 0 when every rule held, 1 when one was broken, 2 for wrong arguments.
    package static func main(arguments: [String], environment: [String: String]) -> Int32 {
        guard let options = Options(arguments) else {
            StandardError.write(usage + "\n")
            return 2
        }
        if options.isTraced { return trace(options) }
        do {
            return try EpollLoop.run { _ in
                options.plantsAll ? try await plantDefects(options) : try await run(options)
            }
        } catch {
            StandardError.write("simulate: \(error)\n")
            return 2
        }
    }

    private static func trace(_ options: Options) -> Int32 {
        let (lines, violation) = Simulator.trace(seed: options.seed, defect: options.defect)
        StandardOutput.write("seconds   pod  step\n" + lines.map { $0 + "\n" }.joined())
        guard let violation else {
            StandardOutput.write("Every rule held.\n")
            return 0
        }
        StandardOutput.write("\(violation)\n")
        return 1
    }

    private static func run(_ options: Options) async throws -> Int32 {
        let begun = ContinuousClock.now
        let report = try await Simulator.run(
            first: options.seed, count: options.schedules, threads: options.threads, defect: options.defect)
        let seconds = max(begun.duration(to: .now) / .seconds(1), 0.001)
        StandardOutput.write(report.summary(options.seed, seconds))
        let flags = options.defect.map { " --defect \($0.rawValue)" } ?? ""
        for (seed, violation) in report.failures {
            StandardOutput.write("seed \(seed): \(violation)\n  scripts/simulate --seed \(seed) --trace\(flags)\n")
        }
        let missing = options.defect == nil && report.schedules >= completeness ? report.missing : []
        for name in missing {
            StandardOutput.write("error: the schedules had no check or fault of this kind: \(name)\n")
        }
        return report.failures.isEmpty && missing.isEmpty ? 0 : 1
    }

    /// Plants each defect; each must break its rule. One thread, so that the first broken rule is always the same.
    private static func plantDefects(_ options: Options) async throws -> Int32 {
        var unnoticed = 0
        for defect in Defect.allCases {
            let report = try await Simulator.run(
                first: options.seed, count: searched, threads: 1, defect: defect)
            guard let (seed, violation) = report.failures.first, defect.rules.contains(violation.invariant) else {
                StandardOutput.write("error: \(defect.rawValue) did not break its rule: \(report.failures)\n")
                unnoticed += 1
                continue
            }
            StandardOutput.write("\(defect.rawValue): seed \(seed) breaks a rule: \(violation.invariant.rawValue)\n")
        }
        StandardOutput.write("\(Defect.allCases.count) defects planted, \(unnoticed) not found\n")
        return unnoticed == 0 ? 0 : 1
    }

    private struct Options: Sendable {
        var schedules = 100_000
        var seed: UInt64 = 1
        var threads = 2
        var defect: Defect?
        var isTraced = false
        var plantsAll = false

        init?(_ arguments: [String]) {
            var rest = arguments[...]
            while let flag = rest.popFirst() {
                switch flag {
                case "--trace": isTraced = true
                case "--defects": plantsAll = true
                default: guard let value = rest.popFirst(), set(flag, value) else { return nil }
                }
            }
            if plantsAll, isTraced || defect != nil { return nil }
        }

        private mutating func set(_ flag: String, _ value: String) -> Bool {
            switch flag {
            case "--schedules":
                guard let number = Int(value), number > 0 else { return false }
                schedules = number
            case "--seed":
                guard let number = UInt64(value) else { return false }
                seed = number
            case "--threads":
                guard let number = Int(value), (1...64).contains(number) else { return false }
                threads = number
            case "--defect":
                defect = Defect(rawValue: value)
                return defect != nil
            default: return false
            }
            return true
        }
    }
}

extension Simulator.Report {
    /// The rules that were never checked, and the faults that were never injected.
    fileprivate var missing: [String] {
        Invariant.allCases.filter { checks[$0] == 0 }.map(\.rawValue)
            + Fault.allCases.filter { faults[$0] == 0 }.map(\.rawValue)
    }

    /// The figures as text.
    fileprivate func summary(_ seed: UInt64, _ seconds: Double) -> String {
        func line(_ count: Int, _ text: String) -> String {
            let number = "\(count)"
            return String(repeating: " ", count: max(0, 12 - number.utf8.count)) + number + "  " + text + "\n"
        }
        return "\(schedules) schedules checked, \(failures.count) errors: from seed \(seed), \(steps) steps, "
            + "\(Int(seconds)) s, \(Int(Double(schedules) / seconds)) schedules/s\n"
            + "\(checks.total) checks of \(Invariant.allCases.count) rules:\n"
            + Invariant.allCases.map { line(checks[$0], $0.rawValue) }.joined()
            + "\(faults.total) faults:\n" + Fault.allCases.map { line(faults[$0], $0.rawValue) }.joined()
    }
}
