import CLinux
import Glibc
import LinuxIO
import ProcessHardening

/// Drops its privileges as one of the daemons does, then makes system calls that a daemon does not need, and says how each ended.
///
///     hardened-child forwarder|provision|adaptor enforce|log|off FILE
@main
enum HardenedChild {
    static func main() throws { try run() }

    /// Not the main actor's: it takes calls to another thread.
    private nonisolated static func run() throws {
        let arguments = CommandLine.arguments
        let before = SystemInfo.openDescriptors
        Privileges.hideMemory()
        // On a thread of its own, so that this one has begun before.
        try Thread.run {
            Result {
                try hardening(arguments[1]).apply(SystemCallFilter.Mode(rawValue: arguments[2]) ?? .enforce)
                makeCalls(arguments[3])
                let status = try DurableFile.read("/proc/thread-self/status", limit: 1 << 16)
                print(String(decoding: status, as: UTF8.self))
            }
        }.get()
        tell("unshare on an earlier thread", clinux_new_network())
        ProcessMemory.forgetStartUp()
        print("descriptors \(SystemInfo.openDescriptors == before)")
        print("resident \((SystemInfo.residentBytes(of: getpid()) ?? 0) > 0)")
        var (core, file) = (rlimit(), stat())
        _ = unsafe getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &core)
        _ = unsafe stat("/proc/self/environ", &file)
        print("core \(core.rlim_max)")
        print("owner \(file.st_uid)")
        var program: [UnsafeMutablePointer<CChar>?] = unsafe [strdup("/bin/true"), nil]
        fflush(nil)
        tell("execve", unsafe execv("/bin/true", &program))
    }

    private nonisolated static func hardening(_ daemon: String) -> Hardening {
        switch daemon {
        case "forwarder": .forwarder(entersNetworks: true)
        case "provision": .provision
        default: .adaptor(entersNetworks: true, listensOnPort: 0)
        }
    }

    private nonisolated static func makeCalls(_ path: String) {
        tell("unshare", clinux_new_network())
        let packets = socket(AF_PACKET, CInt(SOCK_DGRAM.rawValue), 0)
        tell("socket for packets", packets)
        close(packets)
        tell("setuid", setuid(geteuid()))
        tell("kill", kill(getppid(), 0))
        tell("chroot", unsafe chroot("/"))
        let page = sysconf(CInt(_SC_PAGESIZE))
        let memory = unsafe mmap(nil, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        tell("mprotect to run", unsafe mprotect(memory, page, PROT_READ | PROT_EXEC))
        let both = unsafe mmap(nil, page, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        tell("mmap to write and run", unsafe both == MAP_FAILED ? -1 : 0)
        tellOpen("open to write", path, O_WRONLY | O_CREAT)
        tellOpen("open to read", "/proc/self/stat", O_RDONLY)
        var program: [UnsafeMutablePointer<CChar>?] = unsafe [strdup("/bin/true"), nil]
        let failure = unsafe posix_spawn(nil, "/bin/true", nil, nil, &program, environ)
        print("posix_spawn: \(failure)")
    }

    private nonisolated static func tellOpen(_ call: String, _ path: String, _ flags: CInt) {
        let file = unsafe clinux_open(path, flags, 0o600)
        tell(call, file)
        close(file)
    }

    private nonisolated static func tell(_ call: String, _ outcome: CInt) {
        print("\(call): \(outcome < 0 ? errno : 0)")
    }
}
