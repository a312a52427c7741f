internal import CLinux
internal import Glibc

/// The settings of posix_spawn: C structures that are freed with the plan.
///
/// Safe, because `init` makes the structures, `deinit` frees them, and no other code gets them.
@safe final class SpawnPlan {
    private let options: ChildProcess.Options
    private let actions: UnsafeMutablePointer<posix_spawn_file_actions_t>
    private let attributes: UnsafeMutablePointer<posix_spawnattr_t>

    init(_ options: ChildProcess.Options) {
        self.options = options
        unsafe actions = .allocate(capacity: 1)
        unsafe attributes = .allocate(capacity: 1)
        unsafe posix_spawn_file_actions_init(actions)
        unsafe posix_spawnattr_init(attributes)
        var none = sigset_t()
        var all = sigset_t()
        unsafe sigemptyset(&none)
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigmask(attributes, &none)
        unsafe posix_spawnattr_setsigdefault(attributes, &all)
        let flags = clinux_spawn_flags | (options.newSession ? clinux_spawn_session : 0)
        unsafe posix_spawnattr_setflags(attributes, flags)
        if let directory = options.workingDirectory { _ = unsafe clinux_spawn_chdir(actions, directory) }
    }

    deinit {
        unsafe posix_spawn_file_actions_destroy(actions)
        unsafe posix_spawnattr_destroy(attributes)
        unsafe actions.deallocate()
        unsafe attributes.deallocate()
    }

    func duplicate(_ from: CInt, to number: CInt) {
        _ = unsafe posix_spawn_file_actions_adddup2(actions, from, number)
    }

    func open(_ path: String, _ flags: CInt, as number: CInt) {
        _ = unsafe posix_spawn_file_actions_addopen(actions, number, path, flags, 0o600)
    }

    func spawn() throws(SystemCallError) -> Int32 {
        let environment = options.environment ?? Environment.all
        let arguments = CStrings([options.name ?? options.executable] + options.arguments)
        let variables = CStrings(environment.map { "\($0.key)=\($0.value)" })
        var pid: pid_t = 0
        let code = unsafe posix_spawnp(
            &pid, options.executable, actions, attributes, arguments.pointers, variables.pointers)
        if code != 0 {
            throw SystemCallError(call: "posix_spawn", errno: code, subject: options.executable)
        }
        return pid
    }
}

/// A NULL-terminated array of C strings. The array is freed with its owner.
@safe final class CStrings {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        unsafe pointers = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() { unsafe (pointers + index).initialize(to: strdup(string)) }
        unsafe (pointers + count).initialize(to: nil)
    }

    deinit {
        for index in 0..<count { unsafe free(pointers[index]) }
        unsafe pointers.deallocate()
    }
}

/// The pipes between a child process and this process.
struct ChildPipes: ~Copyable {
    private struct ChildEnd: ~Copyable {
        let fd: OwnedFD
    }

    private let outputs: [ChildProcess.Output]
    private var childEnds: [Int: CInt] = [:]
    private let owned: OwnedDescriptors
    let parentEnds: [Stream?]

    init(_ outputs: [ChildProcess.Output], on loop: EpollLoop) throws(SystemCallError) {
        self.outputs = outputs
        let owned = OwnedDescriptors()
        var streams: [Stream?] = []
        for (index, output) in outputs.enumerated() {
            guard output == .pipe else {
                streams.append(nil)
                continue
            }
            var ends: [CInt] = [0, 0]
            _ = try systemCall("pipe2") { unsafe clinux_pipe(&ends) }
            let isInput = index == 0
            owned.numbers.append(ends[isInput ? 0 : 1])
            childEnds[index] = ends[isInput ? 0 : 1]
            streams.append(try Stream(OwnedFD(owning: ends[isInput ? 1 : 0]), on: loop))
        }
        self.owned = owned
        parentEnds = streams
    }

    func connect(in plan: SpawnPlan) throws(SystemCallError) {
        for (index, output) in outputs.enumerated() {
            let number = CInt(index)
            switch output {
            case .inherit: break
            case .null: plan.open("/dev/null", index == 0 ? O_RDONLY : O_WRONLY, as: number)
            case .pipe: if let end = childEnds[index] { plan.duplicate(end, to: number) }
            case .file(let path): plan.open(path, index == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_APPEND, as: number)
            }
        }
    }
}

/// Descriptors that are closed together, after the child has its own copies.
private final class OwnedDescriptors {
    var numbers: [CInt] = []
    deinit { for number in numbers { _ = close(number) } }
}

/// The environment that this process was started with.
public enum Environment {
    /// All variables, by name.
    public static var all: [String: String] {
        var variables: [String: String] = [:]
        var entry = unsafe clinux_environment()
        while let text = unsafe entry?.pointee {
            let pair = unsafe String(cString: text).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
            unsafe entry = unsafe entry?.advanced(by: 1)
        }
        return variables
    }
}
