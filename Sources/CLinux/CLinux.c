#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/nsfs.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

_Static_assert(sizeof(struct clinux_event) == sizeof(struct epoll_event), "one layout under two names");

const unsigned int clinux_readable = EPOLLIN | EPOLLRDHUP, clinux_writable = EPOLLOUT;
const unsigned int clinux_edge = EPOLLET, clinux_broken = EPOLLHUP | EPOLLERR;
const unsigned int clinux_hung_up = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
const int clinux_add = EPOLL_CTL_ADD, clinux_modify = EPOLL_CTL_MOD, clinux_remove = EPOLL_CTL_DEL;

int clinux_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int clinux_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int clinux_epoll_set(int epoll, int operation, int fd, unsigned int mask, unsigned long long tag) {
    struct epoll_event event = {.events = mask, .data = {.u64 = tag}};
    return epoll_ctl(epoll, operation, fd, &event);
}

int clinux_epoll_wait(int epoll, struct clinux_event *events, int count, long long nanoseconds) {
    struct timespec timeout = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    return (int)syscall(SYS_epoll_pwait2, epoll, events, count, nanoseconds < 0 ? NULL : &timeout, NULL, 0);
}

int clinux_alarm_create(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK); }

int clinux_alarm_set(int fd, long long nanoseconds) {
    struct itimerspec due = {
        .it_value = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000}};
    return timerfd_settime(fd, 0, &due, NULL);
}

int clinux_socket(int family) { return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

int clinux_datagram(void) { return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

int clinux_socketpair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
}

int clinux_accept(int fd) { return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

int clinux_peer_user(int fd, unsigned int *user) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == -1) return -1;
    *user = peer.uid;
    return 0;
}

enum { descriptor_limit = 8 };
union descriptor_room {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(descriptor_limit * sizeof(int))];
};

int clinux_send_message(int socket, const void *address, unsigned int length, const char *text, unsigned long size,
                        const int *descriptors, int count) {
    if (count < 1 || count > descriptor_limit) {
        errno = EINVAL;
        return -1;
    }
    union descriptor_room room = {0};
    struct iovec content = {(void *)text, size};
    struct msghdr message = {.msg_name = (void *)address, .msg_namelen = length, .msg_iov = &content,
                             .msg_iovlen = 1, .msg_control = room.bytes,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
    return sendmsg(socket, &message, MSG_NOSIGNAL) == -1 ? -1 : 0;
}

int clinux_send_descriptors(int socket, const int *descriptors, int count) {
    return clinux_send_message(socket, NULL, 0, "", 1, descriptors, count);
}

int clinux_close_on_exec(int fd) { return fcntl(fd, F_SETFD, FD_CLOEXEC); }

long clinux_receive_message(int socket, char *bytes, unsigned long size, int descriptors[8], int *count) {
    union descriptor_room room = {0};
    struct iovec content = {bytes, size};
    struct msghdr message = {.msg_iov = &content, .msg_iovlen = 1, .msg_control = room.bytes,
                             .msg_controllen = sizeof room.bytes};
    *count = 0;
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (received == -1) return -1;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        *count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(descriptors, CMSG_DATA(header), *count * sizeof(int));
    }
    if (!(message.msg_flags & (MSG_CTRUNC | MSG_TRUNC))) return received;
    for (int index = 0; index < *count; index++) close(descriptors[index]);
    errno = EMSGSIZE;
    return -1;
}

int clinux_receive_descriptors(int socket, int descriptors[8]) {
    char byte;
    int count;
    long received = clinux_receive_message(socket, &byte, 1, descriptors, &count);
    if (received == 1) return count;
    if (received == -1) return -1;
    for (int index = 0; index < count; index++) close(descriptors[index]);
    errno = ENODATA;
    return -1;
}

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int clinux_set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags == -1 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int clinux_duplicate(int fd, int lowest) { return fcntl(fd, F_DUPFD_CLOEXEC, lowest); }

int clinux_set_option(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value);
}

int clinux_get_option(int fd, int level, int name, int *value) {
    socklen_t size = sizeof *value;
    return getsockopt(fd, level, name, value, &size);
}

const int clinux_peek_offset = SO_PEEK_OFF;
const int clinux_tcp = IPPROTO_TCP, clinux_no_delay = TCP_NODELAY, clinux_user_timeout = TCP_USER_TIMEOUT;
const int clinux_keep_idle = TCP_KEEPIDLE, clinux_keep_interval = TCP_KEEPINTVL, clinux_keep_count = TCP_KEEPCNT;

int clinux_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

long clinux_send_file(int socket, int file, unsigned long count) { return sendfile(socket, file, NULL, count); }

int clinux_punch_hole(int file, long long offset, long long length) {
    return fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

void clinux_store(unsigned long long *word, unsigned long long value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

int clinux_open(const char *path, int flags, unsigned int mode) {
    return open(path, flags | O_CLOEXEC, mode);
}

int clinux_open_at(int directory, const char *name, int flags, unsigned int mode) {
    return openat(directory, name, flags | O_CLOEXEC, mode);
}

int clinux_start_writing(int fd) { return sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); }

const int clinux_path_only = O_PATH;

int clinux_pidfd_open(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int clinux_reap(int pid, int *exited, int *code) {
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG) == -1) return -1;
    if (info.si_pid == 0) return 0;
    *exited = info.si_code == CLD_EXITED;
    *code = info.si_status;
    return 1;
}

int clinux_signalfd(const void *signals) { return signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK); }

const int clinux_signal_size = sizeof(struct signalfd_siginfo);

int clinux_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

int clinux_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }

int clinux_hide_memory(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

int clinux_get_capabilities(unsigned long long *permitted) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct halves[2] = {{0}};
    if (syscall(SYS_capget, &header, halves) == -1) return -1;
    *permitted = halves[0].permitted | (unsigned long long)halves[1].permitted << 32;
    return 0;
}

int clinux_set_capabilities(unsigned long long permitted) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    unsigned int low = (unsigned int)permitted, high = (unsigned int)(permitted >> 32);
    struct __user_cap_data_struct halves[2] = {
        {.effective = low, .permitted = low}, {.effective = high, .permitted = high}};
    return (int)syscall(SYS_capset, &header, halves);
}

int clinux_clear_ambient(void) { return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); }

int clinux_bounding_has(int capability) { return prctl(PR_CAPBSET_READ, capability, 0, 0, 0); }

int clinux_bounding_drop(int capability) { return prctl(PR_CAPBSET_DROP, capability, 0, 0, 0); }

int clinux_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

int clinux_spawn_chdir(void *actions, const char *path) {
    return posix_spawn_file_actions_addchdir_np(actions, path);
}

const short clinux_spawn_flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
const short clinux_spawn_session = POSIX_SPAWN_SETSID;

int clinux_exclusive_lock(int fd) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &lock);
}

int clinux_exclusive_lock_is_free(int fd) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_GETLK, &lock) < 0 ? -1 : lock.l_type == F_UNLCK;
}

void clinux_keep_at_most(int bytes) {
    mallopt(M_MMAP_THRESHOLD, bytes);
    mallopt(M_TRIM_THRESHOLD, bytes);
}

void clinux_give_back_free(void) { malloc_trim(0); }

int clinux_window_columns(int fd) {
    struct winsize size = {0};
    return ioctl(fd, TIOCGWINSZ, &size) == -1 ? -1 : size.ws_col;
}

char **clinux_environment(void) { return environ; }

int clinux_terminal_open(void) { return posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC); }

int clinux_terminal_unlock(int fd) {
    int locked = 0;
    return ioctl(fd, TIOCSPTLCK, &locked);
}

int clinux_terminal_number(int fd) {
    unsigned int number = 0;
    return ioctl(fd, TIOCGPTN, &number) == -1 ? -1 : (int)number;
}

int clinux_terminal_resize(int fd, unsigned short columns, unsigned short rows) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(fd, TIOCSWINSZ, &size);
}

const int clinux_network_namespace = CLONE_NEWNET;

int clinux_enter_network(int fd) { return setns(fd, CLONE_NEWNET); }

int clinux_new_network(void) { return unshare(CLONE_NEWNET); }

// A system call without a function of the C library, because ThreadSanitizer would take its effect for that of all threads.
int clinux_own_descriptors(void) { return (int)syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_UNSHARE); }

int clinux_new_machine(void) { return unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS); }

int clinux_bind(const char *source, const char *target) { return mount(source, target, NULL, MS_BIND, NULL); }

int clinux_unmount(const char *path) { return umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW); }

int clinux_part_mounts(void) { return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL); }

const int clinux_mount_namespace = CLONE_NEWNS;

int clinux_new_mounts(void) { return unshare(CLONE_NEWNS); }

// The root and working directories change with it, which other threads must not notice.
int clinux_enter_mounts(int fd) { return unshare(CLONE_FS) == -1 ? -1 : setns(fd, CLONE_NEWNS); }

int clinux_bind_tree(const char *source, const char *target) {
    return mount(source, target, NULL, MS_BIND | MS_REC, NULL);
}

int clinux_mount_memory(const char *target, unsigned long flags, const char *options) {
    return mount("tmpfs", target, "tmpfs", flags, options);
}

const unsigned long clinux_read_only = MS_RDONLY, clinux_no_set_uid = MS_NOSUID;
const unsigned long clinux_no_devices = MS_NODEV, clinux_no_programs = MS_NOEXEC;

int clinux_restrict_mount(const char *target, unsigned long flags) {
    return mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | flags, NULL);
}

int clinux_forbid_copies(const char *target) { return mount(NULL, target, NULL, MS_UNBINDABLE, NULL); }

int clinux_move_mount(const char *source, const char *target) { return mount(source, target, NULL, MS_MOVE, NULL); }

int clinux_mount_processes(const char *path) {
    return mount("proc", path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

int clinux_set_host_name(const char *name, unsigned long length) { return sethostname(name, length); }

int clinux_lock(int fd) { return flock(fd, LOCK_EX); }

int clinux_try_lock(int fd) { return flock(fd, LOCK_EX | LOCK_NB); }

int clinux_namespace_type(int fd) { return ioctl(fd, NS_GET_NSTYPE); }
