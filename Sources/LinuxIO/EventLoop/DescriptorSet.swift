internal import CLinux
internal import Glibc

/// Descriptors that a C library owns, and one alarm. The loop watches all of them through one descriptor.
///
/// Use this type for libraries that open and close sockets themselves and only report which events they need. The set
/// is a separate epoll instance, which is level-triggered because such libraries expect that. The loop watches the
/// epoll instance: this is one descriptor for any number of sockets.
///
///     while true {
///         try await set.wait()
///         for one in set.ready() { library.act(on: one) }
///     }
package final class DescriptorSet: Sendable {
    /// An event that the library must handle now.
    package enum Ready: Equatable, Sendable {
        case descriptor(CInt, reading: Bool, writing: Bool, broken: Bool)
        case alarm
    }

    private let inner: Stream
    private let alarm: OwnedFD

    /// The tag of the alarm's events. No descriptor has this tag.
    private static let alarmTag = UInt64.max
    private static let roundSize = 64

    /// Makes a set that does not watch anything yet.
    package init(on loop: EpollLoop) throws(SystemCallError) {
        let epoll = OwnedFD(owning: try systemCall("epoll_create1") { clinux_epoll_create() })
        let alarm = OwnedFD(owning: try systemCall("timerfd_create") { clinux_alarm_create() })
        _ = try systemCall("epoll_ctl", on: "alarm") {
            clinux_epoll_set(epoll.rawValue, clinux_add, alarm.rawValue, clinux_readable, DescriptorSet.alarmTag)
        }
        self.alarm = alarm
        inner = try Stream(epoll, on: loop)
    }

    /// Starts to watch `fd` for these directions. With neither direction, the set reports only that `fd` is broken.
    package func watch(_ fd: CInt, reading: Bool, writing: Bool) {
        let mask = (reading ? clinux_readable : 0) | (writing ? clinux_writable : 0)
        _ = try? inner.withDescriptor { epoll in
            // The library may have closed the number and opened it again without a report. Then the number is new to
            // the kernel.
            if clinux_epoll_set(epoll, clinux_modify, fd, mask, UInt64(fd)) == -1 {
                _ = clinux_epoll_set(epoll, clinux_add, fd, mask, UInt64(fd))
            }
        }
    }

    /// Stops watching `fd`. Does nothing if the library has closed `fd` before its report.
    package func forget(_ fd: CInt) {
        _ = try? inner.withDescriptor { epoll in clinux_epoll_set(epoll, clinux_remove, fd, 0, 0) }
    }

    /// Sets the alarm to fire once after `delay`; nil switches the alarm off. The new value replaces the old value.
    package func setAlarm(after delay: Duration?) {
        guard let delay else { return _ = clinux_alarm_set(alarm.rawValue, 0) }
        let parts = delay.components
        // Zero would switch the alarm off. The limit is one day: the library can then set the alarm again.
        let nanoseconds = min(parts.seconds, 86_400) * 1_000_000_000 + parts.attoseconds / 1_000_000_000
        _ = clinux_alarm_set(alarm.rawValue, max(1, nanoseconds))
    }

    /// Returns a part of the events that are ready now; empty if no event is ready.
    package func ready() -> [Ready] {
        var events = [clinux_event](repeating: clinux_event(), count: DescriptorSet.roundSize)
        let count = try? inner.withDescriptor { epoll in
            unsafe clinux_epoll_wait(epoll, &events, CInt(events.count), 0)
        }
        return events.prefix(Int(max(0, count ?? 0))).map { event in
            if event.tag == DescriptorSet.alarmTag {
                _ = clinux_alarm_set(alarm.rawValue, 0)  // The alarm is readable until it is set again.
                return .alarm
            }
            return .descriptor(
                CInt(truncatingIfNeeded: event.tag), reading: event.mask & clinux_readable != 0,
                writing: event.mask & clinux_writable != 0, broken: event.mask & clinux_broken != 0)
        }
    }

    /// Suspends until a new event has become ready since the last wait. It may return without an event.
    ///
    /// - Throws: ``StreamClosed`` after ``close()``, ``LoopStopped``, or `CancellationError`.
    package func wait() async throws { try await inner.wait(for: .reading) }

    /// Stops watching all descriptors. Idempotent.
    package func close() { inner.close() }
}
