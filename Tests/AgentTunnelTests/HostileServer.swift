import COpenSSL
import Glibc
import LinuxIO
import Telemetry

@testable import AgentTunnel
@testable import TLS

/// A VM's end with the right keys, which sends what no honest one would, on threads of its own.
final class HostileServer: Sendable {
    /// What it does once a handshake is done, as fast as it can.
    enum Flood: Sendable, CaseIterable {
        case tickets
        case keyUpdates
        /// Answers are asked for, and not read.
        case requestedKeyUpdates
        /// A byte of the application after each few key updates.
        case keyUpdatesAndBytes
        case tinyRecords
        case fullRecords

        /// How often it is repeated to hold a loop for seconds that takes all of it in one go. What a client refuses is repeated
        /// less often, because the server, too, spends processor time on it.
        var endless: Int {
            switch self {
            case .tinyRecords: 200_000
            case .tickets, .keyUpdates, .requestedKeyUpdates, .keyUpdatesAndBytes, .fullRecords: 20_000
            }
        }
    }

    let address: SocketAddress
    private let listener: CInt
    private let context: TLSContext
    private let flood: Flood
    private let count: Int
    private let floods = Lock(0)
    /// The content of a full record.
    private static let record = [UInt8](repeating: 7, count: 16 << 10)

    /// A server that repeats what it does `count` times on each connection.
    init(_ identity: SandboxIdentity, _ flood: Flood, count: Int) throws {
        context = try identity.serverContext()
        self.flood = flood
        self.count = count
        signal(SIGPIPE, SIG_IGN)
        let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = unsafe withUnsafeMutablePointer(to: &name) { name in
            unsafe name.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                unsafe bind(listener, name, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, name, &length) == 0
            }
        }
        guard bound else { throw SystemCallError(call: "bind", errno: errno, subject: "a hostile server") }
        self.listener = listener
        address = .tcp(host: "127.0.0.1", port: UInt16(bigEndian: name.sin_port))
    }

    deinit { close(listener) }

    /// Serves one connection after the other, until ``stop()``.
    func run() async throws {
        try await Thread.offLoop { [self] in
            while true {
                let connection = accept(listener, nil, nil)
                if connection < 0 { return }
                misbehave(on: connection)
                close(connection)
            }
        }
    }

    /// Whether it has begun to flood a connection.
    var hasFlooded: Bool { floods.withLock { $0 > 0 } }

    func stop() { shutdown(listener, CInt(SHUT_RDWR)) }

    private func misbehave(on connection: CInt) {
        guard let ssl = unsafe SSL_new(context.pointer) else { return }
        defer { unsafe SSL_free(ssl) }
        // Records leave in bulk: a system call for each would be slower than reading them.
        let writing = unsafe BIO_push(BIO_new(BIO_f_buffer()), BIO_new_socket(connection, 0))
        unsafe SSL_set_bio(ssl, BIO_new_socket(connection, 0), writing)
        unsafe SSL_set_accept_state(ssl)
        guard unsafe SSL_do_handshake(ssl) == 1 else { return }
        floods.withLock { $0 += 1 }
        for round in 0..<count where unsafe !send(round, to: ssl) { return }
        unsafe _ = BIO_ctrl(writing, BIO_CTRL_FLUSH, 0, nil)
        // What comes is read, so that nothing but the flood ends the connection.
        var byte: UInt8 = 0
        while unsafe SSL_read(ssl, &byte, 1) > 0 {}
    }

    private func send(_ round: Int, to ssl: OpaquePointer) -> Bool {
        let bytes = Self.record
        switch flood {
        case .tickets:
            unsafe _ = SSL_new_session_ticket(ssl)
            return unsafe round % 32 != 31 || SSL_do_handshake(ssl) == 1
        case .keyUpdates:
            return unsafe SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(ssl) == 1
        case .requestedKeyUpdates:
            return unsafe SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(ssl) == 1
        case .keyUpdatesAndBytes:
            if round % 8 == 7 { return unsafe SSL_write(ssl, bytes, 1) == 1 }
            return unsafe SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(ssl) == 1
        case .tinyRecords: return unsafe SSL_write(ssl, bytes, 1) == 1
        case .fullRecords: return unsafe SSL_write(ssl, bytes, CInt(bytes.count)) > 0
        }
    }
}
