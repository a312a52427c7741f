#pragma once
// Before the kernel's own headers, which then leave out what both define.
#include <netinet/in.h>
#include <linux/if_ether.h>
#include <linux/neighbour.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <linux/xfrm.h>
#include <netlink/addr.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/addr.h>
#include <netlink/route/classifier.h>
#include <netlink/route/cls/u32.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/link/vxlan.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/route.h>
#include <netlink/route/tc.h>

// libnl keeps only its own, coarser number of a refusal, and not the kernel's text. A callback reads both from the kernel's
// answer.
struct cnetlink_refusal {
    int error;
    char words[160];
};

static inline int cnetlink_note(struct sockaddr_nl *sender, struct nlmsgerr *answer, void *context) {
    struct cnetlink_refusal *refusal = (struct cnetlink_refusal *)context;
    struct nlmsghdr *header = (struct nlmsghdr *)((char *)answer - NLMSG_HDRLEN);
    int skipped = sizeof *answer;
    (void)sender;
    refusal->error = -answer->error;
    refusal->words[0] = 0;
    // The request comes back before the attributes, unless it was cut off behind its header.
    if (!(header->nlmsg_flags & NLM_F_CAPPED)) skipped += (int)answer->msg.nlmsg_len - NLMSG_HDRLEN;
    if ((header->nlmsg_flags & NLM_F_ACK_TLVS) && skipped >= (int)sizeof *answer && nlmsg_datalen(header) > skipped) {
        struct nlattr *words = nlmsg_find_attr(header, NLMSG_ALIGN(skipped), NLMSGERR_ATTR_MSG);
        if (words) nla_strlcpy(refusal->words, words, sizeof refusal->words);
    }
    return answer->error ? -nl_syserr2nlerr(answer->error) : 0;
}

static inline int cnetlink_note_refusals(struct nl_sock *socket, struct cnetlink_refusal *refusal) {
    int on = 1;
    // The kernel answers each request, except when it lacks memory: then the request fails instead of blocking the thread.
    struct timeval patience = {.tv_sec = 30};
    setsockopt(nl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    // Old kernels refuse this option and send no text; the socket works without it.
    setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    return nl_socket_modify_err_cb(socket, NL_CB_CUSTOM, cnetlink_note, refusal);
}

// TC_CAST() and the macros for handles are none that Swift could call.
static const unsigned int cnetlink_ingress = TC_H_INGRESS, cnetlink_ingress_handle = TC_H_MAKE(TC_H_INGRESS, 0);
static const unsigned int cnetlink_egress_handle = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
static inline struct rtnl_tc *cnetlink_qdisc_tc(struct rtnl_qdisc *qdisc) { return TC_CAST(qdisc); }
static inline struct rtnl_tc *cnetlink_filter_tc(struct rtnl_cls *filter) { return TC_CAST(filter); }
static inline struct rtnl_tc *cnetlink_action_tc(struct rtnl_act *action) { return TC_CAST(action); }

// One type for the library's objects in a cache, whose own types are opaque.
static inline struct rtnl_link *cnetlink_as_link(struct nl_object *object) { return (struct rtnl_link *)object; }
static inline struct rtnl_addr *cnetlink_as_address(struct nl_object *object) { return (struct rtnl_addr *)object; }
static inline struct rtnl_route *cnetlink_as_route(struct nl_object *object) { return (struct rtnl_route *)object; }
static inline struct rtnl_neigh *cnetlink_as_neighbour(struct nl_object *object) { return (struct rtnl_neigh *)object; }
static inline struct rtnl_qdisc *cnetlink_as_qdisc(struct nl_object *object) { return (struct rtnl_qdisc *)object; }
