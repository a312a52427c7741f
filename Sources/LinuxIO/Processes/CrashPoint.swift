#if DEBUG
    internal import Glibc

    /// The places at which a test can kill this process: before and after each change of a file, each request to another
    /// machine, and each step of a gateway. Only debug builds have them.
    ///
    /// The variable `PEERPODS_CRASH_POINT` is the number of the place, counted from 1 since the start. The process kills
    /// itself there (SIGKILL), after it has written the place to its standard error. With `PEERPODS_CRASH_AFTER` it counts
    /// from the first place whose text contains that variable's value.
    package enum CrashPoint {
        /// The system calls that change files durably. Each of them is a place before it and one after it.
        private static let changes: Set<String> = ["fsync", "mkdirat", "renameat", "syncfs", "unlinkat"]

        private static let chosen = Environment.all["PEERPODS_CRASH_POINT"].flatMap { Int($0) }
        private static let first = Environment.all["PEERPODS_CRASH_AFTER"]
        private static let passed = Lock(0)

        /// Passes a place, or ends the process there.
        package static func reach(_ place: @autoclosure () -> String) {
            guard let chosen else { return }
            let place = place()
            let number = passed.withLock { passed in
                if passed > 0 || isFirst(place) { passed += 1 }
                return passed
            }
            if number != chosen { return }
            let text = Array("crash point \(chosen): \(place)\n".utf8)
            _ = unsafe write(2, text, text.count)
            _ = kill(getpid(), SIGKILL)
        }

        private static func isFirst(_ place: String) -> Bool {
            guard let first else { return true }
            let (text, part) = (Array(place.utf8), Array(first.utf8))
            return text.indices.contains { text[$0...].starts(with: part) }
        }

        /// Passes a place beside a system call, if the call changes a file.
        static func reach(_ time: StaticString, _ call: String, on subject: () -> String) {
            guard chosen != nil, changes.contains(call) else { return }
            reach("\(time) \(call) \(subject())")
        }
    }
#endif
