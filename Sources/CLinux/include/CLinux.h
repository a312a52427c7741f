#pragma once
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// Swift's own view of glibc leaves out every variadic call and what needs _GNU_SOURCE,
// which would change glibc's types under it here. So each of those has one typed
// stand-in, under a name that says whose it is, and CLinux.c alone sees _GNU_SOURCE.


// glibc declares these as enumerators of one type and the kernel takes them as another.
extern const unsigned int clinux_readable, clinux_writable;
extern const unsigned int clinux_edge, clinux_broken;
extern const unsigned int clinux_hung_up;

int clinux_epoll_create(void);
int clinux_eventfd(void);

int clinux_epoll_set(int epoll, int operation, int fd, unsigned int mask, unsigned long long tag);

// Nanoseconds rather than epoll_wait's milliseconds; below zero waits for ever.
int clinux_epoll_wait(int epoll, struct epoll_event *events, int count, long long nanoseconds);
unsigned long long clinux_event_tag(const struct epoll_event *event);
unsigned int clinux_event_mask(const struct epoll_event *event);

int clinux_socket(int family);
int clinux_datagram(void);
int clinux_socketpair(int ends[2]);
int clinux_accept(int fd);
int clinux_pipe(int ends[2]);
int clinux_set_nonblocking(int fd);
int clinux_duplicate(int fd);
int clinux_set_option(int fd, int level, int name, int value);

int clinux_open(const char *path, int flags, unsigned int mode);
int clinux_pidfd_open(int pid);
// 1 when the process has ended (and is now reaped), 0 when it runs, -1 with errno otherwise.
int clinux_reap(int pid, int *exited, int *code);
int clinux_signalfd(const sigset_t *signals);
int clinux_prctl(int option, unsigned long value);
int clinux_spawn_chdir(posix_spawn_file_actions_t *actions, const char *path);
extern const short clinux_spawn_flags;
extern const short clinux_spawn_session;
int clinux_exclusive_lock(int fd);
int clinux_readable_now(int fd);
int clinux_window_columns(int fd);
// glibc and Swift both say `environ`; here is one of them.
char **clinux_environment(void);

int clinux_terminal_open(void);
int clinux_terminal_unlock(int fd);
int clinux_terminal_number(int fd);
int clinux_terminal_resize(int fd, unsigned short columns, unsigned short rows);
