internal import CLinux
internal import Glibc

/// Descriptors that a C library owns, and one alarm, watched as one.
///
/// For libraries that open and close sockets by themselves and only tell us what to watch
/// them for. The set is an epoll instance of its own, level-triggered as such libraries
/// expect, and the loop watches that: one descriptor, however many sockets there are.
///
///     while true {
///         try await set.wait()
///         for one in set.ready() { library.act(on: one) }
///     }
package final class DescriptorSet: Sendable {
    /// What there is to do now.
    package enum Ready: Equatable, Sendable {
        case descriptor(CInt, reading: Bool, writing: Bool, broken: Bool)
        case alarm
    }

    private let inner: Stream
    private let alarm: OwnedFD

    /// The tag of events that are not of a descriptor.
    private static let alarmTag = UInt64.max
    private static let roundSize = 64

    /// A set that watches nothing yet.
    package init(on loop: EpollLoop) throws(SystemCallError) {
        let epoll = OwnedFD(owning: try systemCall("epoll_create1") { clinux_epoll_create() })
        let alarm = OwnedFD(owning: try systemCall("timerfd_create") { clinux_alarm_create() })
        _ = try systemCall("epoll_ctl", on: "alarm") {
            clinux_epoll_set(epoll.rawValue, clinux_add, alarm.rawValue, clinux_readable, DescriptorSet.alarmTag)
        }
        self.alarm = alarm
        inner = try Stream(epoll, on: loop)
    }

    /// Watches `fd` for this from now on; neither only hears that it has broken.
    package func watch(_ fd: CInt, reading: Bool, writing: Bool) {
        let mask = (reading ? clinux_readable : 0) | (writing ? clinux_writable : 0)
        _ = try? inner.withDescriptor { epoll in
            // The library may have closed the number and opened it again without a word: then it is new to the kernel.
            if clinux_epoll_set(epoll, clinux_modify, fd, mask, UInt64(fd)) == -1 {
                _ = clinux_epoll_set(epoll, clinux_add, fd, mask, UInt64(fd))
            }
        }
    }

    /// Watches `fd` no longer; nothing when the library has closed it before telling us.
    package func forget(_ fd: CInt) {
        _ = try? inner.withDescriptor { epoll in clinux_epoll_set(epoll, clinux_remove, fd, 0, 0) }
    }

    /// Has the alarm go off once after `delay`, or not at all; what was set before is off.
    package func setAlarm(after delay: Duration?) {
        guard let delay else { return _ = clinux_alarm_set(alarm.rawValue, 0) }
        let parts = delay.components
        // Zero would set it back; and a day is soon enough to be asked again.
        let nanoseconds = min(parts.seconds, 86_400) * 1_000_000_000 + parts.attoseconds / 1_000_000_000
        _ = clinux_alarm_set(alarm.rawValue, max(1, nanoseconds))
    }

    /// What is ready now, some of it at a time; empty once nothing is.
    package func ready() -> [Ready] {
        var events = [clinux_event](repeating: clinux_event(), count: DescriptorSet.roundSize)
        let count = try? inner.withDescriptor { epoll in
            unsafe clinux_epoll_wait(epoll, &events, CInt(events.count), 0)
        }
        return events.prefix(Int(max(0, count ?? 0))).map { event in
            if event.tag == DescriptorSet.alarmTag {
                _ = clinux_alarm_set(alarm.rawValue, 0)  // It is readable until it is set again.
                return .alarm
            }
            return .descriptor(
                CInt(truncatingIfNeeded: event.tag), reading: event.mask & clinux_readable != 0,
                writing: event.mask & clinux_writable != 0, broken: event.mask & clinux_broken != 0)
        }
    }

    /// Suspends until something has become ready since the last wait; may return for nothing.
    ///
    /// - Throws: ``StreamClosed`` after ``close()``, ``LoopStopped``, or `CancellationError`.
    package func wait() async throws { try await inner.wait(for: .reading) }

    /// Watches nothing any more. Idempotent.
    package func close() { inner.close() }
}
