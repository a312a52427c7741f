#pragma once
#include <arpa/inet.h>
#include <microhttpd.h>

// MHD_start_daemon() is variadic and its options are pairs of untyped pointers; here
// each has its type. The daemon has no thread and no listening socket: it serves the
// connections it is given whenever it is run. With a certificate and its key, which are read
// before it returns, it speaks TLS.
static inline struct MHD_Daemon *cmhd_start(
    unsigned int connection_limit, size_t memory_limit, unsigned int idle_seconds, const char *certificate,
    const char *key, void *context,
    void *(*begun)(void *context, const char *target, struct MHD_Connection *connection),
    MHD_AccessHandlerCallback received, MHD_RequestCompletedCallback completed,
    MHD_NotifyConnectionCallback opened_or_closed) {
    struct MHD_OptionItem secure[] = {
        {certificate ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, (void *)certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)key},
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | (certificate ? MHD_USE_TLS : 0), 0, NULL, NULL, received, context,
        MHD_OPTION_CONNECTION_LIMIT, connection_limit, MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory_limit,
        MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds, MHD_OPTION_URI_LOG_CALLBACK, begun, context,
        MHD_OPTION_NOTIFY_COMPLETED, completed, context, MHD_OPTION_NOTIFY_CONNECTION, opened_or_closed, context,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_ARRAY, secure, MHD_OPTION_END);
}

// A union of pointers and numbers, of which this kind has a descriptor.
static inline int cmhd_epoll_descriptor(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info ? info->epoll_fd : -1;
}

static inline int cmhd_is_opened(enum MHD_ConnectionNotificationCode event) {
    return event == MHD_CONNECTION_NOTIFY_STARTED;
}
static inline int cmhd_descriptor(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

// The client's address is kept with the connection.
static inline enum MHD_Result cmhd_add(struct MHD_Daemon *daemon, int descriptor) {
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof address;
    if (getpeername(descriptor, (struct sockaddr *)&address, &length) != 0) length = sizeof address;
    return MHD_add_connection(daemon, descriptor, (struct sockaddr *)&address, length);
}

// The client's address in digits; nothing for a Unix socket. `text` has room for INET6_ADDRSTRLEN.
static inline const char *cmhd_peer(struct MHD_Connection *connection, char *text) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    text[0] = 0;
    if (!info || !info->client_addr) return text;
    if (info->client_addr->sa_family == AF_INET) {
        inet_ntop(AF_INET, &((struct sockaddr_in *)info->client_addr)->sin_addr, text, INET6_ADDRSTRLEN);
    } else if (info->client_addr->sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)info->client_addr)->sin6_addr, text, INET6_ADDRSTRLEN);
    }
    return text;
}
