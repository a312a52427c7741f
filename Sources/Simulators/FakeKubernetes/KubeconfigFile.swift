internal import Encoding
internal import LinuxIO

/// The files with which a client finds the server.
struct KubeconfigFile {
    let server: String
    /// The certificate of the server's authority, in PEM; nil without TLS.
    let authority: String?
    let serverName: String
    let token: String

    /// JSON is YAML, too.
    var text: String {
        let trust = authority.map {
            #", "certificate-authority-data": "\#(Base64.encode(Array($0.utf8)))", "tls-server-name": "\#(serverName)""#
        }
        return """
            {"apiVersion": "v1", "kind": "Config", "current-context": "fake",
             "clusters": [{"name": "fake", "cluster": {"server": "\(server)"\(trust ?? "")}}],
             "users": [{"name": "admin", "user": {"token": "\(token)"}}],
             "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "admin"}}]}

            """
    }

    func write(to directory: String) throws {
        try Files.makeDirectories(directory)
        try DurableFile.write(Array(token.utf8), to: directory + "/token")
        if let authority { try DurableFile.write(Array(authority.utf8), to: directory + "/ca.crt") }
        // Last: with this file the others are complete.
        try DurableFile.write(Array(text.utf8), to: directory + "/kubeconfig")
    }
}
