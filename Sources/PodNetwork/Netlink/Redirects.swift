internal import CNetlink
internal import Glibc

/// What stands at the place where an interface's packets come in.
enum IncomingRule: Equatable {
    /// Nothing.
    case none
    /// Everything is sent out by another interface; nil if that one is gone, or the rule itself.
    case redirect(to: CInt?)
    /// Somebody else's rules, of this kind.
    case foreign(String)
}

extension NetlinkSocket {
    /// What happens to packets that come in on `link`.
    func incomingRule(of link: Link) throws(PodNetworkError) -> IncomingRule {
        let kinds = try unsafe list(
            NetlinkCall(.redirect, "list", "The queueing disciplines of \(link.name)"),
            { unsafe rtnl_qdisc_alloc_cache(pointer, $0) },
            { object -> String? in
                let discipline = unsafe cnetlink_qdisc_tc(cnetlink_as_qdisc(object))
                // Both kinds that there are for incoming packets have this handle.
                guard unsafe rtnl_tc_get_ifindex(discipline) == link.index,
                    unsafe rtnl_tc_get_handle(discipline) == cnetlink_ingress_handle,
                    let kind = unsafe rtnl_tc_get_kind(discipline)
                else { return nil }
                return unsafe String(cString: kind)
            })
        guard let kind = kinds.first else { return .none }
        guard kind == "ingress" else { return .foreign(kind) }
        let targets = try unsafe list(
            NetlinkCall(.redirect, "list", "The filters of \(link.name)"),
            { unsafe rtnl_cls_alloc_cache(pointer, link.index, cnetlink_ingress_handle, $0) },
            { unsafe Self.target(cnetlink_as_filter($0)) })
        if let other = targets.lazy.compactMap({ if case .foreign = $0 { $0 } else { nil } }).first { return other }
        return targets.lazy.compactMap { if case .redirect(.some) = $0 { $0 } else { nil } }.first ?? .redirect(to: nil)
    }

    private static func target(_ filter: OpaquePointer) -> IncomingRule {
        guard let name = unsafe rtnl_tc_get_kind(cnetlink_filter_tc(filter)) else { return .foreign("unknown") }
        let kind = unsafe String(cString: name)
        guard kind == "u32" else { return .foreign(kind) }
        // The filter's hash table is listed beside it, and has no action.
        guard let action = unsafe rtnl_u32_get_action(filter) else { return .redirect(to: nil) }
        guard let actionName = unsafe rtnl_tc_get_kind(cnetlink_action_tc(action)),
            unsafe String(cString: actionName) == "mirred"
        else { return .foreign("u32 with another action") }
        let index = unsafe CInt(bitPattern: rtnl_mirred_get_ifindex(action))
        return .redirect(to: index > 0 ? index : nil)
    }

    /// Makes a place for rules about packets that come in on `link`.
    func addIngress(to link: Link) throws(PodNetworkError) {
        try perform(NetlinkCall(.redirect, "add", "The ingress queueing discipline of \(link.name)")) {
            unsafe withIngress(link) { unsafe rtnl_qdisc_add(pointer, $0, NLM_F_CREATE | NLM_F_EXCL) }
        }
    }

    /// Removes that place with all rules in it; false if it was gone.
    @discardableResult
    func removeIngress(from link: Link) throws(PodNetworkError) -> Bool {
        do throws(PodNetworkError) {
            try perform(NetlinkCall(.redirect, "remove", "The ingress queueing discipline of \(link.name)")) {
                unsafe withIngress(link) { unsafe rtnl_qdisc_delete(pointer, $0) }
            }
            return true
        } catch  where [ENOENT, EINVAL, ENODEV].contains(error.errno) {
            // EINVAL is what the kernel says of an interface without that discipline.
            return false
        }
    }

    private func withIngress(_ link: Link, _ body: (OpaquePointer) -> CInt) -> CInt {
        unsafe withDiscipline("ingress", link, body)
    }

    /// `kind` is `ingress`, or `clsact`, which is for outgoing packets too.
    func withDiscipline(_ kind: String, _ link: Link, _ body: (OpaquePointer) -> CInt) -> CInt {
        guard let discipline = unsafe rtnl_qdisc_alloc() else { return -NLE_NOMEM }
        defer { unsafe rtnl_qdisc_put(discipline) }
        let part = unsafe cnetlink_qdisc_tc(discipline)
        unsafe rtnl_tc_set_ifindex(part, link.index)
        unsafe rtnl_tc_set_parent(part, cnetlink_ingress)
        unsafe rtnl_tc_set_handle(part, cnetlink_ingress_handle)
        let result = unsafe rtnl_tc_set_kind(part, kind)
        return unsafe result < 0 ? result : body(discipline)
    }

    /// Sends everything that comes in on `link` out by `target`.
    func addRedirect(from link: Link, to target: Link) throws(PodNetworkError) {
        try unsafe addFilter(
            NetlinkCall(.redirect, "add", "The redirection from \(link.name) to \(target.name)"), to: link,
            cnetlink_ingress_handle, sendingTo: target
        ) { filter in
            unsafe rtnl_cls_set_prio(filter, 1)
            unsafe rtnl_cls_set_protocol(filter, UInt16(ETH_P_ALL))
            // Zero bits of the first word have to be zero: every packet.
            return unsafe [rtnl_u32_add_key_uint32(filter, 0, 0, 0, 0)]
        }
    }

    /// Sends packets at the place `parent` of `link` out by `target`: those that `match` has the filter take.
    func addFilter(
        _ call: NetlinkCall, to link: Link, _ parent: UInt32, sendingTo target: Link, _ match: (OpaquePointer) -> [CInt]
    ) throws(PodNetworkError) {
        try perform(call) {
            guard let filter = unsafe rtnl_cls_alloc(), let action = unsafe rtnl_act_alloc() else { return -NLE_NOMEM }
            defer {
                unsafe rtnl_cls_put(filter)
                unsafe rtnl_act_put(action)
            }
            // The kind comes first: the rest is kept in what it makes room for.
            let part = unsafe cnetlink_filter_tc(filter)
            unsafe rtnl_tc_set_ifindex(part, link.index)
            unsafe rtnl_tc_set_parent(part, parent)
            var results = unsafe [
                rtnl_tc_set_kind(part, "u32"), rtnl_tc_set_kind(cnetlink_action_tc(action), "mirred"),
            ]
            unsafe results += match(filter)
            unsafe results += [
                rtnl_u32_set_cls_terminal(filter), rtnl_mirred_set_action(action, TCA_EGRESS_REDIR),
                rtnl_mirred_set_policy(action, TC_ACT_STOLEN), rtnl_mirred_set_ifindex(action, UInt32(target.index)),
                rtnl_u32_add_action(filter, action),
            ]
            if let failure = results.first(where: { $0 < 0 }) { return failure }
            return unsafe rtnl_cls_add(pointer, filter, NLM_F_CREATE | NLM_F_EXCL)
        }
    }
}
