internal import LinuxIO

/// Metrics of this process, as Prometheus names them.
public enum ProcessMetrics {
    /// Adds the gauges to `metrics`.
    public static func register(in metrics: Metrics) {
        let start = Double(WallTime.now.millisecondsSinceEpoch) / 1000
        metrics.gauge("process_start_time_seconds", "Start time of the process, in Unix time.") { start }
        metrics.gauge("process_resident_memory_bytes", "Resident memory.") {
            SystemInfo.residentBytes(of: ProcessTree.current).map(Double.init)
        }
        metrics.gauge("process_open_fds", "Open file descriptors.") { Double(SystemInfo.openDescriptors) }
    }
}
