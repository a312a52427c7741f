internal import Telemetry

/// What the provider counts, beside the calls, which the ARM client counts.
struct ProviderMetrics: Sendable {
    let tries: Counter
    let addressSeconds: Histogram
    let removalSeconds: Histogram

    init(_ metrics: Metrics, memory: FailureMemory) {
        tries = metrics.counter(
            "peerpods_azure_vm_tries_total",
            "Tries to have a VM made in some size and zone: accepted, adopted, or why they failed.", labels: ["outcome"]
        )
        addressSeconds = metrics.histogram(
            "peerpods_azure_vm_address_seconds", "From Azure's acceptance of a VM to its address.")
        removalSeconds = metrics.histogram(
            "peerpods_azure_vm_removal_seconds", "From asking for a VM's deletion to nothing being left of it.")
        metrics.gauge(
            "peerpods_azure_avoided_places", "Sizes, zones and families that are not tried for now, as they failed."
        ) { [weak memory] in memory.map { Double($0.count) } }
    }
}
