internal import JSON
internal import PeerPodProtocol
internal import Telemetry

/// The report of a pod's network, for people and for programs.
struct NetworkReport: Sendable {
    let status: PodNetworkStatus

    /// The result of the inspection.
    enum Verdict: String, Sendable {
        /// The pod was created without a network namespace, or without a tunnel.
        case none
        /// Both ends match the plan.
        case sound
        /// At least one fault was found.
        case broken
        /// No fault is known, but the VM did not report its end.
        case unclear
    }

    var verdict: Verdict {
        if !status.problems.isEmpty { return .broken }
        if status.vxlanID == 0 { return .none }
        return status.silence.isEmpty ? .sound : .unclear
    }

    /// The whole path, from the pod's interface on the node to the one in the VM.
    var lines: [String] {
        guard status.vxlanID != 0 || !status.hops.isEmpty || !status.problems.isEmpty else { return [Self.absence] }
        return facts + (status.hops.isEmpty ? [] : [""] + table.lines) + section("routes in the VM", status.routes)
            + section("problems", status.problems)
            + ["", conclusion]
    }

    private static let absence =
        "no network of its own: the pod was created without a network namespace, or its VMs are not reached over a network"

    private var facts: [String] {
        var facts: [(String, String)] = []
        if !status.addresses.isEmpty { facts.append(("addresses", status.addresses.joined(separator: ", "))) }
        if !status.namespacePath.isEmpty { facts.append(("namespace", status.namespacePath)) }
        if status.vxlanID != 0 {
            let vm = status.vmAddress.isEmpty ? "without an address yet" : status.vmAddress
            facts.append(
                (
                    "tunnel",
                    "VXLAN \(status.vxlanID) over UDP port \(status.vxlanPort), node \(status.nodeAddress) ⇄ VM \(vm)"
                ))
        }
        return facts.map { name, text in
            name + String(repeating: " ", count: 11 - name.count) + text.printable()
        }
    }

    private var table: TextTable {
        var table = TextTable(
            ["PLACE", "INTERFACE", "MTU", "STATE", "GOES TO", "RECEIVED", "SENT", "DROPPED"],
            aligned: [.left, .left, .right, .left, .left, .right, .right, .right])
        for hop in status.hops {
            table.add([
                hop.place, hop.interface, "\(hop.mtu)", hop.isUp ? "up" : "down",
                hop.redirectedTo.isEmpty ? "-" : hop.redirectedTo,
                Self.passed(hop.receivedPackets, hop.receivedBytes), Self.passed(hop.sentPackets, hop.sentBytes),
                "\(hop.receivedDropped &+ hop.sentDropped)",
            ])
        }
        return table
    }

    /// The number of packets and bytes: "12 (1.2 kB)".
    private static func passed(_ packets: UInt64, _ bytes: UInt64) -> String { "\(packets) (\(bytesText(bytes)))" }

    private func section(_ title: String, _ entries: [String]) -> [String] {
        entries.isEmpty ? [] : ["", title] + entries.map { "  " + $0.printable() }
    }

    private var conclusion: String {
        switch verdict {
        case .none: "There is no tunnel."
        case .sound: "Both ends are as planned."
        case .broken: "\(status.problems.count) problem\(status.problems.count == 1 ? "" : "s")."
        case .unclear:
            "The node's end is as planned; the VM's end is unknown: \(status.silence.printable())"
        }
    }

    /// Every field, with `ok` as a summary.
    var json: JSONObject {
        let hops = status.hops.map { hop -> JSONValue in
            [
                "place": .string(hop.place), "interface": .string(hop.interface), "mtu": .integer(Int64(hop.mtu)),
                "up": .bool(hop.isUp), "redirectedTo": .string(hop.redirectedTo),
                "received": Self.json(hop.receivedPackets, hop.receivedBytes, hop.receivedDropped),
                "sent": Self.json(hop.sentPackets, hop.sentBytes, hop.sentDropped),
            ]
        }
        let tunnel: JSONValue = [
            "id": .integer(Int64(status.vxlanID)), "port": .integer(Int64(status.vxlanPort)),
            "node": .string(status.nodeAddress), "vm": .string(status.vmAddress),
        ]
        return JSONObject([
            ("networkNamespace", .string(status.namespacePath)),
            ("addresses", .array(status.addresses.map { .string($0) })), ("tunnel", tunnel), ("hops", .array(hops)),
            ("routes", .array(status.routes.map { .string($0) })),
            ("problems", .array(status.problems.map { .string($0) })), ("silence", .string(status.silence)),
            ("verdict", .string(verdict.rawValue)), ("ok", .bool(verdict == .sound || verdict == .none)),
        ])
    }

    private static func json(_ packets: UInt64, _ bytes: UInt64, _ dropped: UInt64) -> JSONValue {
        [
            "packets": .integer(Int64(clamping: packets)), "bytes": .integer(Int64(clamping: bytes)),
            "dropped": .integer(Int64(clamping: dropped)),
        ]
    }
}

/// An amount of bytes in text form, in powers of a thousand: "0 B", "980 B", "1.2 kB", "104.9 MB".
func bytesText(_ bytes: UInt64) -> String {
    guard bytes >= 1000 else { return "\(bytes) B" }
    var (value, unit) = (Double(bytes), 0)
    // An amount that would round to a thousand of one unit is written in the next unit.
    while value >= 999.95, unit < 6 {
        value /= 1000
        unit += 1
    }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) \(["B", "kB", "MB", "GB", "TB", "PB", "EB"][unit])"
}
