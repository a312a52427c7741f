internal import CNetlink
internal import Glibc

/// The rule for an interface's incoming packets.
enum IncomingRule: Equatable {
    /// No rule.
    case none
    /// All packets leave by another interface; nil if that interface does not exist any more, or the rule is
    /// incomplete.
    case redirect(to: CInt?)
    /// The frames that the program accepts leave by another interface, and all others are dropped.
    case checked(by: [UInt8], to: CInt)
    /// Rules of another program, with the kind of the rules.
    case foreign(String)

    /// The interface that packets leave by.
    var target: CInt? {
        switch self {
        case .redirect(let target): target
        case .checked(_, let target): target
        case .none, .foreign: nil
        }
    }
}

/// A filter of the kernel's traffic control, with the properties that the adaptor's filters have.
private struct TrafficFilter {
    var kind: String
    /// The program, of a classic BPF filter.
    var program: [UInt8]?
    /// Whether this is a filter. The kernel also lists each priority, and u32's hash tables.
    var isEntry: Bool
    /// Whether the program's result is the action.
    var isDirect = false
    /// The kind of its first action, and the action's interface.
    var action: String?
    var target: CInt?

    /// Reads a message of `RTM_GETTFILTER`.
    init?(_ message: [UInt8]) {
        let attributes = NetlinkAttributes(message.dropFirst(MemoryLayout<tcmsg>.size))
        guard let kind = attributes.text(CInt(TCA_KIND)) else { return nil }
        self.kind = kind
        let options = attributes.inside(CInt(TCA_OPTIONS))
        isEntry = options != nil && kind != "u32"
        guard let options else { return }
        var actions: NetlinkAttributes?
        if kind == "u32" {
            actions = options.inside(CInt(TCA_U32_ACT))
            isEntry = actions != nil
        } else if kind == "bpf" {
            actions = options.inside(CInt(TCA_BPF_ACT))
            program = options[CInt(TCA_BPF_OPS)]
            let flags = options.number(CInt(TCA_BPF_FLAGS), as: UInt32.self) ?? 0
            isDirect = flags & UInt32(TCA_BPF_FLAG_ACT_DIRECT) != 0
        }
        guard let first = actions?.inside(1) else { return }
        action = first.text(CInt(TCA_ACT_KIND))
        guard action == "mirred", let parameters = first.inside(CInt(TCA_ACT_OPTIONS))?[CInt(TCA_MIRRED_PARMS)],
            let offset = MemoryLayout<tc_mirred>.offset(of: \.ifindex)
        else { return }
        let index = nativeNumber(parameters.dropFirst(offset), as: CInt.self)
        target = index > 0 ? index : nil
    }

    /// Whether this may be the adaptor's filter.
    var isOurs: Bool {
        switch kind {
        case "u32": action == nil || action == "mirred"
        case "bpf": program != nil && (isDirect || action == "mirred")
        default: false
        }
    }
}

extension NetlinkSocket {
    /// The rule for packets that arrive at `link`.
    func incomingRule(of link: Link) throws(PodNetworkError) -> IncomingRule {
        guard let kind = try discipline(of: link) else { return .none }
        guard kind == "ingress" else { return .foreign(kind) }
        let filters = try filters(of: link, at: cnetlink_ingress_handle)
        if let other = filters.first(where: { !$0.isOurs }) {
            return .foreign(other.kind == "u32" ? "u32 with another action" : other.kind)
        }
        let programs = filters.filter { $0.kind == "bpf" }
        if programs.isEmpty { return .redirect(to: filters.lazy.compactMap(\.target).first) }
        guard filters.count == 2, let program = programs[0].program, !programs[0].isDirect,
            let target = programs[0].target, programs.count == 2, programs[1].isDirect,
            programs[1].program == FrameProgram.droppingAll.bytes
        else { return .redirect(to: nil) }
        return .checked(by: program, to: target)
    }

    /// The kind of queueing discipline for incoming packets; `clsact` is for outgoing packets too.
    func discipline(of link: Link) throws(PodNetworkError) -> String? {
        try unsafe list(
            NetlinkCall(.redirect, "list", "The queueing disciplines of \(link.name)"),
            { unsafe rtnl_qdisc_alloc_cache(pointer, $0) },
            { object -> String? in
                let discipline = unsafe cnetlink_qdisc_tc(cnetlink_as_qdisc(object))
                // Both kinds for incoming packets have this handle.
                guard unsafe rtnl_tc_get_ifindex(discipline) == link.index,
                    unsafe rtnl_tc_get_handle(discipline) == cnetlink_ingress_handle,
                    let kind = unsafe rtnl_tc_get_kind(discipline)
                else { return nil }
                return unsafe String(cString: kind)
            }
        ).first
    }

    /// The filters in the kernel's order.
    private func filters(of link: Link, at parent: UInt32) throws(PodNetworkError) -> [TrafficFilter] {
        var header = tcmsg()
        header.tcm_ifindex = link.index
        header.tcm_parent = parent
        return try dump(
            NetlinkMessage(CInt(RTM_GETTFILTER), header), NetlinkCall(.redirect, "list", "The filters of \(link.name)")
        ) { message in
            guard message.count >= MemoryLayout<tcmsg>.size, let filter = TrafficFilter(message) else { return nil }
            return filter.isEntry ? filter : nil
        }
    }

    /// Adds the queueing discipline for rules about packets that arrive at `link`.
    func addIngress(to link: Link) throws(PodNetworkError) {
        try perform(NetlinkCall(.redirect, "add", "The ingress queueing discipline of \(link.name)")) {
            unsafe withDiscipline("ingress", link) { unsafe rtnl_qdisc_add(pointer, $0, NLM_F_CREATE | NLM_F_EXCL) }
        }
    }

    /// Removes that queueing discipline with all its rules; false if it did not exist.
    @discardableResult
    func removeIngress(from link: Link) throws(PodNetworkError) -> Bool {
        try remove(
            "ingress", from: link, NetlinkCall(.redirect, "remove", "The ingress queueing discipline of \(link.name)"))
    }

    private func remove(_ kind: String, from link: Link, _ call: NetlinkCall) throws(PodNetworkError) -> Bool {
        do throws(PodNetworkError) {
            try perform(call) { unsafe withDiscipline(kind, link) { unsafe rtnl_qdisc_delete(pointer, $0) } }
            return true
        } catch  where [ENOENT, EINVAL, ENODEV].contains(error.errno) {
            // The kernel answers EINVAL for an interface without that discipline.
            return false
        }
    }

    /// `kind` is `ingress`, or `clsact`, which is for outgoing packets too.
    private func withDiscipline(_ kind: String, _ link: Link, _ body: (OpaquePointer) -> CInt) -> CInt {
        guard let discipline = unsafe rtnl_qdisc_alloc() else { return -NLE_NOMEM }
        defer { unsafe rtnl_qdisc_put(discipline) }
        let part = unsafe cnetlink_qdisc_tc(discipline)
        unsafe rtnl_tc_set_ifindex(part, link.index)
        unsafe rtnl_tc_set_parent(part, cnetlink_ingress)
        unsafe rtnl_tc_set_handle(part, cnetlink_ingress_handle)
        let result = unsafe rtnl_tc_set_kind(part, kind)
        return unsafe result < 0 ? result : body(discipline)
    }

    /// Redirects all packets that arrive at `link` to `target`.
    func addRedirect(from link: Link, to target: Link) throws(PodNetworkError) {
        try perform(NetlinkCall(.redirect, "add", "The redirection from \(link.name) to \(target.name)")) {
            guard let filter = unsafe rtnl_cls_alloc(), let action = unsafe rtnl_act_alloc() else { return -NLE_NOMEM }
            defer {
                unsafe rtnl_cls_put(filter)
                unsafe rtnl_act_put(action)
            }
            // The kind comes first, because libnl stores the other properties in the kind's data.
            let part = unsafe cnetlink_filter_tc(filter)
            unsafe rtnl_tc_set_ifindex(part, link.index)
            unsafe rtnl_tc_set_parent(part, cnetlink_ingress_handle)
            var results = unsafe [
                rtnl_tc_set_kind(part, "u32"), rtnl_tc_set_kind(cnetlink_action_tc(action), "mirred"),
            ]
            unsafe rtnl_cls_set_prio(filter, 1)
            unsafe rtnl_cls_set_protocol(filter, UInt16(ETH_P_ALL))
            unsafe results += [
                // A key with an empty mask matches every packet.
                rtnl_u32_add_key_uint32(filter, 0, 0, 0, 0),
                rtnl_u32_set_cls_terminal(filter), rtnl_mirred_set_action(action, TCA_EGRESS_REDIR),
                rtnl_mirred_set_policy(action, TC_ACT_STOLEN), rtnl_mirred_set_ifindex(action, UInt32(target.index)),
                rtnl_u32_add_action(filter, action),
            ]
            if let failure = results.first(where: { $0 < 0 }) { return failure }
            return unsafe rtnl_cls_add(pointer, filter, NLM_F_CREATE | NLM_F_EXCL)
        }
    }

    /// Redirects the frames that arrive at `link` and that `program` accepts to `target`, and drops all others.
    ///
    /// - Precondition: ``addIngress(to:)``, and no filter yet.
    func addSourceCheck(_ program: FrameProgram, from link: Link, to target: Link) throws(PodNetworkError) {
        // The filter that drops comes first, so that no frame ever passes both.
        try add(
            .droppingAll, priority: 2, at: cnetlink_ingress_handle, of: link,
            NetlinkCall(.redirect, "add", "The filter that drops frames on \(link.name)"))
        try add(
            program, priority: 1, at: cnetlink_ingress_handle, of: link, sendingTo: target,
            NetlinkCall(.redirect, "add", "The source check from \(link.name) to \(target.name)"))
    }

    /// The program that filters the packets that leave by `link`; nil if there is none, or another filter beside it.
    func outgoingProgram(of link: Link) throws(PodNetworkError) -> [UInt8]? {
        guard try discipline(of: link) == "clsact" else { return nil }
        let found = try filters(of: link, at: cnetlink_egress_handle)
        guard found.count == 1, found[0].isDirect else { return nil }
        return found[0].program
    }

    /// Makes `program` the filter for packets that leave by `link`. An earlier filter is removed first.
    func setOutgoingProgram(_ program: FrameProgram, of link: Link) throws(PodNetworkError) {
        try removeOutgoingProgram(from: link)
        try perform(NetlinkCall(.redirect, "add", "The egress queueing discipline of \(link.name)")) {
            unsafe withDiscipline("clsact", link) { unsafe rtnl_qdisc_add(pointer, $0, NLM_F_CREATE | NLM_F_EXCL) }
        }
        try add(
            program, priority: 1, at: cnetlink_egress_handle, of: link,
            NetlinkCall(.redirect, "add", "The filter for what leaves by \(link.name)"))
    }

    /// Removes the filter for outgoing packets; false if there was none.
    @discardableResult
    func removeOutgoingProgram(from link: Link) throws(PodNetworkError) -> Bool {
        guard try discipline(of: link) == "clsact" else { return false }
        return try remove(
            "clsact", from: link, NetlinkCall(.redirect, "remove", "The egress queueing discipline of \(link.name)"))
    }

    /// Adds a program. Without a target its result is the action; else the frames that it accepts are redirected to the
    /// target.
    private func add(
        _ program: FrameProgram, priority: UInt32, at parent: UInt32, of link: Link, sendingTo target: Link? = nil,
        _ call: NetlinkCall
    ) throws(PodNetworkError) {
        var header = tcmsg()
        header.tcm_ifindex = link.index
        header.tcm_parent = parent
        header.tcm_info = priority << 16 | UInt32(UInt16(ETH_P_ALL).bigEndian)
        var options = NetlinkMessage.attribute(CInt(TCA_BPF_OPS_LEN), memory(of: UInt16(program.instructions.count)))
        options += NetlinkMessage.attribute(CInt(TCA_BPF_OPS), program.bytes)
        if let target {
            var redirection = tc_mirred()
            redirection.action = TC_ACT_STOLEN
            redirection.eaction = TCA_EGRESS_REDIR
            redirection.ifindex = UInt32(target.index)
            let parameters = NetlinkMessage.attribute(CInt(TCA_MIRRED_PARMS), memory(of: redirection))
            let action =
                NetlinkMessage.attribute(CInt(TCA_ACT_KIND), Array("mirred".utf8) + [0])
                + NetlinkMessage.attribute(CInt(TCA_ACT_OPTIONS), parameters)
            options += NetlinkMessage.attribute(CInt(TCA_BPF_ACT), NetlinkMessage.attribute(1, action))
        } else {
            options += NetlinkMessage.attribute(CInt(TCA_BPF_FLAGS), memory(of: UInt32(TCA_BPF_FLAG_ACT_DIRECT)))
        }
        var message = NetlinkMessage(CInt(RTM_NEWTFILTER), header)
        message.add(CInt(TCA_KIND), "bpf")
        message.add(CInt(TCA_OPTIONS), options)
        try send(message, flags: NLM_F_CREATE | NLM_F_EXCL, call)
    }
}
