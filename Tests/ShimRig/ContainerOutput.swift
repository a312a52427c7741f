internal import KataProtocol
package import TTRPC

extension Client {
    /// Starts a container that the agent has created, and reads its standard output to the end.
    ///
    /// - Throws: the error of StartContainer. An error of ReadStdout is the output's end.
    package func output(ofContainer id: String) async throws -> String {
        _ = try await call(AgentService.startContainer, .with { $0.containerID = id })
        let read = ReadStreamRequest.with {
            ($0.containerID, $0.execID) = (id, id)
            $0.length = 1 << 16
        }
        var output: [UInt8] = []
        while let more = try? await call(AgentService.readStdout, read).data { output += more }
        return String(decoding: output, as: UTF8.self)
    }
}
