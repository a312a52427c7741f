import Glibc
import LinuxIO
import TestSupport
import Testing

@Suite("Unix sockets between processes")
struct DescriptorPassingTests {
    @Test("carry open descriptors, which outlive the sender's")
    func pass() async throws {
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            let (inner, other) = try Stream.pair(on: loop)
            let numbers = try inner.withDescriptor { [$0, $0] }
            try await near.sendDescriptors(numbers)
            let received = try await far.receiveDescriptors()
            inner.close()
            #expect(received.count == 2)
            guard let first = received.takeFirst(), let second = received.takeFirst() else { return }
            #expect(received.takeFirst() == nil && received.count == 0)
            for number in [first.rawValue, second.rawValue] { #expect(fcntl(number, F_GETFD) == FD_CLOEXEC) }
            let stream = try Stream(first, on: loop)
            try await stream.write([1, 2])
            #expect(try await other.read(upTo: 10) == [1, 2])
        }
    }

    @Test("close received descriptors that are not taken")
    func left() async throws {
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            let (inner, other) = try Stream.pair(on: loop)
            try await near.sendDescriptors(try inner.withDescriptor { [$0] })
            _ = try await far.receiveDescriptors()
            inner.close()
            #expect(try await other.read(upTo: 1).isEmpty)
        }
    }

    @Test("report a message without descriptors, the end, and too many descriptors")
    func odd() async throws {
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            try await near.write([7])
            #expect(try await far.receiveDescriptors().count == 0)
            let number = try near.withDescriptor { $0 }
            await #expect(throws: SystemCallError.self) {
                try await near.sendDescriptors(Array(repeating: number, count: Stream.descriptorLimit + 1))
            }
            near.close()
            let error = await #expect(throws: SystemCallError.self) { try await far.receiveDescriptors() }
            #expect(error?.errno == ENODATA)
        }
    }

    @Test("know the user of their peer")
    func user() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let listener = try Listener.listen(on: .unix(path: directory.path + "/s"), loop: loop)
            let client = try await Stream.connect(to: listener.address, on: loop)
            let server = try await listener.accept()
            #expect(server.peerUser == geteuid() && server.isPeerTrusted)
            client.close()
            let network = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
            _ = try await Stream.connect(to: network.address, on: loop)
            #expect(try await !network.accept().isPeerTrusted)
        }
    }
}
