internal import Telemetry

/// The metrics of the lifecycle.
struct LifecycleMetrics {
    let starts: Counter
    let startFailures: Counter
    let startSeconds: Histogram
    let stops: Counter
    let deletions: Counter
    let deletionFailures: Counter
    let abandoned: Counter
    let sweeps: Counter
    let orphans: Counter
    let leftovers: Counter
    let vanished: Counter
    private let sandboxes: Gauge

    init(_ metrics: Metrics) {
        starts = metrics.counter("peerpods_vm_starts_total", "StartVM calls that were begun.")
        startFailures = metrics.counter(
            "peerpods_vm_start_failures_total", "StartVM calls that failed, by why.", labels: ["code"])
        startSeconds = metrics.histogram(
            "peerpods_vm_start_seconds", "How long the phases of a StartVM that succeeded took.", labels: ["phase"])
        stops = metrics.counter("peerpods_vm_stops_total", "StopVM calls for a sandbox that was there.")
        deletions = metrics.counter("peerpods_vm_deletions_total", "VMs that the cloud has confirmed to be gone.")
        deletionFailures = metrics.counter(
            "peerpods_vm_deletion_failures_total", "Tries to delete a VM that failed, by why.", labels: ["code"])
        abandoned = metrics.counter(
            "peerpods_abandoned_sandboxes_total",
            "Sandboxes that were stopped because their shim had died without StopVM.")
        sweeps = metrics.counter(
            "peerpods_sweeps_total", "Times that the cloud's VMs were compared with the records.")
        orphans = metrics.counter(
            "peerpods_orphaned_vms_total", "VMs of this node that no sandbox owned, and that are therefore deleted.")
        leftovers = metrics.counter(
            "peerpods_leftovers_total",
            "Network interfaces, disks and public addresses of this node without a VM, which are therefore deleted.",
            labels: ["kind"])
        vanished = metrics.counter(
            "peerpods_vanished_vms_total", "VMs of running sandboxes that disappeared without StopVM.")
        sandboxes = metrics.gauge("peerpods_sandboxes", "Sandboxes on this node, by state.", labels: ["state"])
    }

    func count(_ sandboxes: [SandboxSummary.State]) {
        for state in SandboxSummary.State.allCases {
            self.sandboxes.set(Double(sandboxes.count { $0 == state }), state.rawValue)
        }
    }
}
