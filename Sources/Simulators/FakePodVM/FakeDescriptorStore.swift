package import LinuxIO

/// systemd's store of descriptors (FDSTORE of sd_notify(3)), for the forwarder of a fake VM and of a benchmark.
package final class FakeDescriptorStore: Sendable {
    /// As `FileDescriptorStoreMax=` in the forwarder's unit of the image.
    private static let limit = 256
    private static let messageLimit = 4096
    /// The numbers here are above those in the service, so that none of those is replaced before it is passed.
    private static let lowest: CInt = 300
    /// SD_LISTEN_FDS_START.
    private static let firstDescriptor: CInt = 3

    private let notifications: Stream
    private let numbers = Lock<[String: CInt]>([:])

    /// Reads the messages that arrive on `notifications`.
    package init(_ notifications: Stream) { self.notifications = notifications }

    deinit { for name in numbers.withLock({ Array($0.keys) }) { drop(name) } }

    /// What the service finds in its environment.
    package var environment: [String: String] { ["FDSTORE": "\(Self.limit)"] }

    /// The stored descriptors, for the next process of the service, and their names in that order.
    var passed: (names: [String], descriptors: [(number: CInt, from: CInt)]) {
        numbers.withLock { numbers in
            let names = numbers.keys.sorted()
            return (
                names,
                names.enumerated().compactMap { index, name in
                    numbers[name].map { (Self.firstDescriptor + CInt(index), $0) }
                }
            )
        }
    }

    /// Reads all messages that have arrived. Returns whether one of them says that the service is ready.
    package func readMessages() throws -> Bool {
        var isReady = false
        while let message = try notifications.tryReceiveMessage(upTo: Self.messageLimit) {
            let lines = String(decoding: message.bytes, as: UTF8.self).split(separator: "\n")
            let name = lines.first { $0.hasPrefix("FDNAME=") }.map { String($0.dropFirst(7)) } ?? "stored"
            if lines.contains("FDSTORE=1"), let descriptor = message.descriptors.takeFirst() {
                keep(try OwnedFD(duplicating: descriptor.rawValue, from: Self.lowest).disowned(), as: name)
            }
            if lines.contains("FDSTOREREMOVE=1") { drop(name) }
            if lines.contains("READY=1") { isReady = true }
        }
        return isReady
    }

    /// Waits for the next messages.
    package func wait() async throws { try await notifications.wait(for: .reading) }

    private func keep(_ number: CInt, as name: String) {
        let unwanted = numbers.withLock { numbers in
            numbers.count < Self.limit || numbers[name] != nil ? numbers.updateValue(number, forKey: name) : number
        }
        if let unwanted { _ = OwnedFD(owning: unwanted) }
    }

    private func drop(_ name: String) {
        if let number = numbers.withLock({ $0.removeValue(forKey: name) }) { _ = OwnedFD(owning: number) }
    }
}
