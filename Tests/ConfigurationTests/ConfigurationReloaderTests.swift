import LinuxIO
import Telemetry
import TestSupport
import Testing

@testable import Configuration

@Suite("Settings that are read again")
struct ConfigurationReloaderTests {
    private static let command = Command(
        "tool serve", summary: "serve", defaults: Options(), sections: [.init("Flags", Options.settings)])

    /// A process whose port can change, started with port 1, and what it has logged.
    private struct Daemon: Sendable {
        let lines = Lock([String]())
        let next = Lock(Options())
        let metrics = Metrics()
        let reloader: ConfigurationReloader<Options>

        init() {
            var started = Options()
            started.port = 1
            let logger = Logger(level: .info, format: .json) { [lines] line in
                lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
            }
            reloader = ConfigurationReloader(
                command, started: started, changeable: ["port"], logger: logger, metrics: metrics
            ) { [next] () throws(ConfigurationError) in
                let options = next.withLock { $0 }
                guard options.port > 0 else { throw ConfigurationError(["the port is 0", "the socket is missing"]) }
                return options
            }
        }

        /// Reads settings with this port and this socket; returns the port that came into use, and the new lines of the log.
        func reload(port: Int, socket: String = Options().socket) -> (port: Int?, log: [String]) {
            next.withLock { ($0.port, $0.socket) = (port, socket) }
            var used: Int?
            reloader.reload { used = $0.port }
            return (
                used,
                lines.withLock { lines in
                    defer { lines = [] }
                    return lines
                }
            )
        }
    }

    @Test("come into use, and the log has those that changed since the last time")
    func changed() {
        let daemon = Daemon()
        for port in [2, 3] {
            let (used, log) = daemon.reload(port: port)
            #expect(used == port)
            #expect(log.count == 1 && log[0].contains("\"Configuration reloaded\",\"port\":\"\(port)\""), "\(log)")
        }
        let again = daemon.reload(port: 3).log
        #expect(again.count == 1 && !again[0].contains("\"port\""), "\(again)")
        #expect(daemon.metrics.render().contains("peerpods_configuration_reloads_total{outcome=\"used\"} 3"))
    }

    @Test("that need a restart are named each time, as long as they differ from those at the start")
    func restart() {
        let daemon = Daemon()
        for _ in 0..<2 {
            let log = daemon.reload(port: 1, socket: "/other").log
            #expect(log.first?.contains("\"setting\":\"socket\"") == true, "\(log)")
            #expect(log.last?.contains("\"socket\"") == false)
        }
        #expect(daemon.reload(port: 1).log.count == 1)
    }

    @Test("are refused as a whole when they cannot be parsed, and each problem is in the log")
    func refused() {
        let daemon = Daemon()
        let (used, log) = daemon.reload(port: 0)
        #expect(used == nil)
        #expect(log.count == 2 && log.allSatisfy { $0.contains("The new configuration is refused") }, "\(log)")
        #expect(daemon.metrics.render().contains("peerpods_configuration_reloads_total{outcome=\"refused\"} 1"))
    }

    @Test("that cannot be used do not count as the last ones")
    func unusable() {
        let daemon = Daemon()
        daemon.next.withLock { $0.port = 7 }
        daemon.reloader.reload { _ in throw ConfigurationError("port 7 is taken") }
        #expect(daemon.lines.withLock { $0.first?.contains("port 7 is taken") } == true)
        #expect(daemon.reload(port: 7).log.last?.contains("\"port\":\"7\"") == true, "the port has changed from 1 to 7")
    }
}
