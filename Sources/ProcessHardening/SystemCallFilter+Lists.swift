internal import CSeccomp
internal import Glibc

// The system calls that the daemons need, as scripts/system-calls measures them, and the equivalent calls that another
// version of glibc, of Swift's runtime or of a library makes.
extension SystemCallFilter {
    /// For the pod VM's daemon. It reads files and does not write files.
    ///
    /// With `entersNetworks` a thread may enter a network namespace.
    static func forwarder(entersNetworks: Bool) -> SystemCallFilter {
        SystemCallFilter(everyDaemon, readingFiles, journals, entersNetworks ? networks : [])
    }

    /// For the pod VM's first program. It writes the files of the VM's user data.
    static var provision: SystemCallFilter {
        SystemCallFilter(everyDaemon, writingFiles)
    }

    /// For the node's daemon. It also stores records and sockets of sandboxes.
    static func adaptor(entersNetworks: Bool) -> SystemCallFilter {
        SystemCallFilter(everyDaemon, writingFiles, entersNetworks ? networks : [])
    }

    /// For the process that holds the shims' connections. It writes stop marks and sockets.
    static var gateway: SystemCallFilter {
        SystemCallFilter(everyDaemon, writingFiles)
    }

    /// For the cluster's controller. It reads its ServiceAccount's token and certificates, and writes no files.
    static var controller: SystemCallFilter {
        SystemCallFilter(everyDaemon, readingFiles)
    }

    private static var everyDaemon: [Rule] { memory + process + time + events + descriptors + sockets }

    /// Files in memory, and their bytes on sockets.
    private static let journals: [Rule] = Rule.all("fallocate ftruncate memfd_create sendfile")

    /// No memory is writable and executable at the same time, or executable after it was writable.
    private static let memory: [Rule] =
        Rule.all("brk madvise membarrier mincore mremap munmap")
        + Rule.one("mmap", argument: 2, mask: writable | runnable, of: 0, writable, runnable)
        + Rule.one("mprotect", argument: 2, mask: runnable, of: 0)
    private static let (writable, runnable) = (UInt64(PROT_WRITE), UInt64(PROT_EXEC))

    /// Threads, but no processes: neither fork nor execve, nor clone without the flags of a thread.
    private static let process: [Rule] =
        Rule.all(
            """
            exit exit_group futex futex_waitv futex_time64 get_robust_list set_robust_list rseq sched_getaffinity
            sched_yield getcpu gettid getpid getppid getuid geteuid getgid getegid getresuid getresgid getrusage
            getrandom sysinfo uname rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall
            """)
        + Rule.one("clone", argument: 0, mask: cseccomp_thread, of: cseccomp_thread)
        // Reading a limit of this process.
        + Rule.all("getrlimit") + Rule.one("prlimit64", argument: 0, of: 0)
        // abort(3), and cancelling a thread.
        + Rule.one("tgkill", argument: 0, of: UInt64(getpid()))
        // Setting and reading a thread's name.
        + Rule.one("prctl", argument: 0, of: UInt64(PR_SET_NAME), UInt64(PR_GET_NAME))

    private static let time = Rule.all(
        """
        clock_getres clock_gettime clock_nanosleep gettimeofday nanosleep time timerfd_create timerfd_gettime
        timerfd_settime clock_gettime64 clock_nanosleep_time64 timerfd_settime64
        """)

    private static let events = Rule.all(
        """
        epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd2 poll ppoll select pselect6 signalfd4
        """)

    private static let descriptors: [Rule] =
        Rule.all(
            """
            close close_range dup dup2 dup3 fcntl lseek pipe2 pread64 preadv pwrite64 pwritev read readv write writev
            """)
        + Rule.one(
            "ioctl", argument: 1,
            // Reading whether it is a terminal, its width, the number of readable bytes, and the kind of a namespace.
            of: UInt64(TCGETS), UInt64(TIOCGWINSZ), UInt64(FIONREAD), UInt64(FIONBIO),
            cseccomp_namespace_kind)

    private static let sockets: [Rule] =
        Rule.all(
            """
            accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg
            sendmsg sendto setsockopt shutdown
            """)
        + Rule.one(
            "socket", argument: 0, of: UInt64(AF_UNIX), UInt64(AF_INET), UInt64(AF_INET6), UInt64(AF_NETLINK))
        + Rule.one("socketpair", argument: 0, of: UInt64(AF_UNIX))

    private static let lookingAtFiles = Rule.all(
        """
        access faccessat faccessat2 flock fstat fstatfs getcwd getdents64 lstat newfstatat fstatat64 readlink readlinkat
        stat statfs statx
        """)

    /// Files can be opened, but not written or created.
    private static let readingFiles: [Rule] =
        lookingAtFiles + Rule.one("openat", argument: 2, mask: writes, of: 0)
        + Rule.one("open", argument: 1, mask: writes, of: 0)
    private static let writes = UInt64(O_ACCMODE | O_CREAT | O_TRUNC)

    private static let writingFiles: [Rule] =
        lookingAtFiles
        + Rule.all(
            """
            chmod fallocate fchmod fchmodat fchmodat2 fdatasync fsync ftruncate link linkat mkdir mkdirat open openat
            openat2 rename renameat renameat2 rmdir symlink symlinkat sync_file_range syncfs umask unlink unlinkat
            utimensat
            """)

    /// Entering network namespaces, but no other namespaces.
    private static let networks = Rule.one("setns", argument: 1, of: cseccomp_network_namespace)
}
