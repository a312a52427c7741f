#pragma once

// Swift's own view of glibc leaves out variadic calls, epoll and its kin, and whatever
// wants _GNU_SOURCE. Each of those has one typed stand-in here, under a name that says
// whose it is. This header includes nothing: two modules that show Swift the same glibc
// type under different feature macros do not get along. So structures cross as `void *`,
// and CLinux.c alone knows them.

// Masks of epoll_ctl(2), as the kernel takes them.
extern const unsigned int clinux_readable, clinux_writable;
extern const unsigned int clinux_edge, clinux_broken, clinux_hung_up;
extern const int clinux_add, clinux_modify, clinux_remove;

/// What epoll reports: the mask, and the tag that was registered with the descriptor.
struct clinux_event {
    unsigned int mask;
    unsigned long long tag;
} __attribute__((packed));

int clinux_epoll_create(void);
int clinux_eventfd(void);
int clinux_epoll_set(int epoll, int operation, int fd, unsigned int mask, unsigned long long tag);
// Nanoseconds rather than epoll_wait's milliseconds; below zero waits without a limit.
int clinux_epoll_wait(int epoll, struct clinux_event *events, int count, long long nanoseconds);

// A descriptor that becomes readable once, that many nanoseconds after it was set; 0 sets it back.
int clinux_alarm_create(void);
int clinux_alarm_set(int fd, long long nanoseconds);

int clinux_socket(int family);
int clinux_datagram(void);
int clinux_socketpair(int ends[2]);
int clinux_accept(int fd);
// The user that connected to a unix socket.
int clinux_peer_user(int fd, unsigned int *user);
// Sends one byte with copies of the descriptors over a unix socket.
int clinux_send_descriptors(int socket, const int *descriptors, int count);
// Receives one byte and at most 8 descriptors; answers their number. ENODATA at the end of the stream, EMSGSIZE when
// there were more: none is open then.
int clinux_receive_descriptors(int socket, int descriptors[8]);
// Receives one message and at most 8 descriptors; answers the number of bytes. EMSGSIZE when there were more: no
// descriptor is open then.
long clinux_receive_message(int socket, char *bytes, unsigned long size, int descriptors[8], int *count);
// Sends one datagram with copies of the descriptors to the address, a sockaddr.
int clinux_send_message(int socket, const void *address, unsigned int length, const char *text, unsigned long size,
                        const int *descriptors, int count);
// The flag that has the kernel close a descriptor on exec; -1 with errno if it is not open.
int clinux_close_on_exec(int fd);
int clinux_pipe(int ends[2]);
int clinux_set_nonblocking(int fd);
int clinux_duplicate(int fd, int lowest);
int clinux_set_option(int fd, int level, int name, int value);
int clinux_get_option(int fd, int level, int name, int *value);
extern const int clinux_peek_offset;
extern const int clinux_tcp, clinux_no_delay, clinux_user_timeout;
extern const int clinux_keep_idle, clinux_keep_interval, clinux_keep_count;

int clinux_open(const char *path, int flags, unsigned int mode);
int clinux_open_at(int directory, const char *name, int flags, unsigned int mode);
// Has the kernel begin to write a file's content to its disk, and does not wait for it.
int clinux_start_writing(int fd);
// A file in memory, without a path.
int clinux_memory_file(const char *name);
// Sends bytes of a file from its offset on, and advances the offset by what was sent.
long clinux_send_file(int socket, int file, unsigned long count);
// Frees the memory of a part of a file, which keeps its size.
int clinux_punch_hole(int file, long long offset, long long length);
// A store that the compiler neither omits nor moves past another.
void clinux_store(unsigned long long *word, unsigned long long value);
extern const int clinux_path_only;
int clinux_exclusive_lock(int fd);
int clinux_exclusive_lock_is_free(int fd);
int clinux_pidfd_open(int pid);
// 1 when the process has ended (and is now reaped), 0 when it runs, -1 with errno otherwise.
int clinux_reap(int pid, int *exited, int *code);
// `signals` is a sigset_t.
int clinux_signalfd(const void *signals);
extern const int clinux_signal_size;
int clinux_become_subreaper(void);
int clinux_die_with_parent(int signal);
// No other process without CAP_SYS_PTRACE may trace the caller's process, and no core of it is dumped.
int clinux_hide_memory(void);
// Capabilities: of the calling thread, and of those that it starts. Sets are masks by the kernel's numbers.
int clinux_get_capabilities(unsigned long long *permitted);
int clinux_set_capabilities(unsigned long long permitted);
int clinux_clear_ambient(void);
// 1 when the capability is in the bounding set, 0 when it is not, -1 when the kernel knows none of that number.
int clinux_bounding_has(int capability);
int clinux_bounding_drop(int capability);
// Nothing that the calling thread executes gains rights by it.
int clinux_no_new_privileges(void);
// `actions` is a posix_spawn_file_actions_t.
int clinux_spawn_chdir(void *actions, const char *path);
extern const short clinux_spawn_flags, clinux_spawn_session;
// glibc and Swift both say `environ`; here is one of them.
char **clinux_environment(void);

void clinux_keep_at_most(int bytes);
void clinux_give_back_free(void);
int clinux_window_columns(int fd);
int clinux_terminal_open(void);
int clinux_terminal_unlock(int fd);
int clinux_terminal_number(int fd);
int clinux_terminal_resize(int fd, unsigned short columns, unsigned short rows);

// Gives the calling thread a descriptor table of its own, with descriptors 0 to 2.
int clinux_own_descriptors(void);

// Network namespaces: of the calling thread, never of the process.
extern const int clinux_network_namespace;
int clinux_enter_network(int fd);
int clinux_new_network(void);
// Mounts and host name of the calling thread's own from here on, and a process namespace for its next child.
int clinux_new_machine(void);
// A second place for a file or directory; and the end of it, at once for new users and with the last for old ones.
int clinux_bind(const char *source, const char *target);
int clinux_unmount(const char *path);
// Mounts here and elsewhere no longer follow each other.
int clinux_part_mounts(void);
// Mounts of the calling thread's own from here on, and those of a namespace that is held open.
extern const int clinux_mount_namespace;
int clinux_new_mounts(void);
int clinux_enter_mounts(int fd);
// As clinux_bind, with all that is mounted below the source.
int clinux_bind_tree(const char *source, const char *target);
// A file system in memory; `options` as mount(8) takes them, and flags as below.
int clinux_mount_memory(const char *target, unsigned long flags, const char *options);
// Sets flags of the mount at `target`; other mounts of the same file system keep theirs.
extern const unsigned long clinux_read_only, clinux_no_set_uid, clinux_no_devices, clinux_no_programs;
int clinux_restrict_mount(const char *target, unsigned long flags);
// No copy of it appears with a copy of what is above it.
int clinux_forbid_copies(const char *target);
int clinux_move_mount(const char *source, const char *target);
// The processes of the caller's process namespace.
int clinux_mount_processes(const char *path);
int clinux_set_host_name(const char *name, unsigned long length);
// A lock on a file of any kind, for as long as the descriptor (or a copy) is open; waits for it.
int clinux_lock(int fd);
// Fails with EWOULDBLOCK when another open file has the lock.
int clinux_try_lock(int fd);
// The kind of a namespace's descriptor (CLONE_NEWNET, ...); -1 when the descriptor is not a namespace.
int clinux_namespace_type(int fd);
