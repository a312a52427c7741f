internal import Telemetry

extension Duration {
    /// The duration in milliseconds.
    var milliseconds: Double { self / .milliseconds(1) }

    /// The duration in text form: "0.4 ms", "512 ms", "4.31 s", "2 min 05 s".
    var text: String {
        let milliseconds = self.milliseconds
        if milliseconds < 9.95 { return "\(decimal(milliseconds, places: 1)) ms" }
        if milliseconds < 999.5 { return "\(decimal(milliseconds, places: 0)) ms" }
        let seconds = milliseconds / 1000
        if seconds < 59.995 { return "\(decimal(seconds, places: 2)) s" }
        let whole = Int(seconds.rounded())
        return "\(whole / 60) min \(whole % 60 < 10 ? "0" : "")\(whole % 60) s"
    }
}

/// The age of `created`, in seconds since 1970, in the age's largest unit: "12s", "5m", "3h", "20d".
///
/// A clock that was set back gives "0s". An impossible time, or a time more than a day ahead, gives "unknown".
func ageText(of created: Int64, now: WallTime) -> String {
    let (seconds, isOutOfRange) = now.secondsSinceEpoch.subtractingReportingOverflow(created)
    guard created > 0, !isOutOfRange, seconds > -86_400 else { return "unknown" }
    return switch seconds {
    case ..<0: "0s"
    case ..<120: "\(seconds)s"
    case ..<7200: "\(seconds / 60)m"
    case ..<172_800: "\(seconds / 3600)h"
    default: "\(seconds / 86400)d"
    }
}

/// A number with a fixed count of decimal places.
private func decimal(_ value: Double, places: Int) -> String {
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    let scaled = Int((value * Double(scale)).rounded())
    guard places > 0 else { return "\(scaled)" }
    let fraction = "\(scaled % scale)"
    return "\(scaled / scale)." + String(repeating: "0", count: places - fraction.count) + fraction
}
