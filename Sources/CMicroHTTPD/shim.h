#pragma once
#include <microhttpd.h>

// MHD_start_daemon() is variadic and its options are pairs of untyped pointers; here
// each has its type. The daemon has no thread and no listening socket: it serves the
// connections it is given whenever it is run.
static inline struct MHD_Daemon *cmhd_start(
    unsigned int connection_limit, size_t memory_limit, unsigned int idle_seconds, void *context,
    void *(*begun)(void *context, const char *target, struct MHD_Connection *connection),
    MHD_AccessHandlerCallback received, MHD_RequestCompletedCallback completed) {
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, received, context,
        MHD_OPTION_CONNECTION_LIMIT, connection_limit, MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory_limit,
        MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds, MHD_OPTION_URI_LOG_CALLBACK, begun, context,
        MHD_OPTION_NOTIFY_COMPLETED, completed, context, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

// A union of pointers and numbers, of which this kind has a descriptor.
static inline int cmhd_epoll_descriptor(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info ? info->epoll_fd : -1;
}

// The address is only kept for whoever asks for it, which nobody does.
static inline enum MHD_Result cmhd_add(struct MHD_Daemon *daemon, int descriptor) {
    struct sockaddr address = {.sa_family = AF_UNSPEC};
    return MHD_add_connection(daemon, descriptor, &address, sizeof address);
}
