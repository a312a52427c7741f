import JSON
import LinuxIO

/// The Go program with containerd's own ttrpc that is the client and the agent of every measurement.
struct Peer {
    let path: String
    let loop: EpollLoop

    /// The result of one run of the load generator.
    struct Measurement {
        let rps, mbps, p50, p90, p99: Double
    }

    /// Runs one scenario against a socket.
    func load(
        _ scenario: String, on socket: String, inFlight: Int = 1, size: Int = 0, pauseMilliseconds: Int = 0,
        seconds: Double
    ) async throws -> Measurement {
        let output = try await run([
            "load", "--socket", socket, "--scenario", scenario, "--inflight", "\(inFlight)", "--size", "\(size)",
            "--seconds", "\(seconds)", "--pause", "\(pauseMilliseconds)ms",
        ])
        let json = try JSONValue(parsing: output)
        guard json["errors"]?.integerValue == 0 else {
            throw Failure("\(scenario) over \(socket): \(String(decoding: output, as: UTF8.self))")
        }
        func number(_ key: String) -> Double { json[key]?.numberValue ?? .nan }
        return Measurement(
            rps: number("rps"), mbps: number("mbps"), p50: number("p50_us"), p90: number("p90_us"),
            p99: number("p99_us"))
    }

    /// Starts an agent on a socket, and returns once it serves.
    func agent(on socket: String) async throws -> ChildProcess {
        var options = ChildProcess.Options(executable: path, arguments: ["agent", "--socket", socket])
        options.error = .null
        let child = try ChildProcess.start(options, on: loop)
        try await answers(.unix(path: socket), on: loop)
        return child
    }

    private func run(_ arguments: [String]) async throws -> [UInt8] {
        var options = ChildProcess.Options(executable: path, arguments: arguments)
        options.output = .pipe
        let child = try ChildProcess.start(options, on: loop)
        var output: [UInt8] = []
        while let chunk = try await child.output?.read(upTo: 65536), !chunk.isEmpty { output += chunk }
        guard try await child.wait() == .exited(0) else { throw Failure("\(path) \(arguments) failed") }
        return output
    }
}

/// Why a measurement is not possible.
struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Returns once a server accepts a connection at `address`. Fails after ten seconds.
func answers(_ address: SocketAddress, on loop: EpollLoop) async throws {
    let end = ContinuousClock.now + .seconds(10)
    while true {
        do {
            try await Stream.connect(to: address, on: loop, deadline: end).close()
            return
        } catch {
            if ContinuousClock.now > end {
                throw Failure("no server accepts a connection at \(address) within 10 s: \(error)")
            }
            try await loop.sleep(for: .milliseconds(5))
        }
    }
}

/// Runs `body` while the children run, then ends the children.
func with<Result>(
    _ children: [ChildProcess], _ body: () async throws -> Result
) async throws -> Result {
    let result: Swift.Result<Result, any Error>
    do { result = .success(try await body()) } catch { result = .failure(error) }
    for child in children {
        child.signal(Signals.terminate)
        _ = try? await child.wait()
    }
    return try result.get()
}
