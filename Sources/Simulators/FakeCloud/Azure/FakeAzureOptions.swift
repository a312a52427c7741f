package import LinuxIO
public import Telemetry

/// How a fake Azure is set up; what happens in it is its ``AzureScenario``'s.
package struct FakeAzureOptions: Sendable {
    // The one account it has.
    package var subscriptionID = "00000000-0000-4000-8000-000000000001"
    package var tenantID = "00000000-0000-4000-8000-000000000002"
    package var clientID = "00000000-0000-4000-8000-000000000003"
    /// Lets a client have tokens and direct what happens: random, for who has it runs programs with our rights.
    package var clientSecret = Secret(RandomID.token())
    /// Whether the node's managed identity and any federated token are as good as the secret. Then every user of this machine
    /// can run programs with our rights.
    package var acceptsAnyIdentity = false
    package var resourceGroup = "peerpods"
    package var region = "eastus"
    package var instanceSize = "Standard_DC2es_v6"
    /// Where it listens, for plain HTTP or for TLS.
    package var listen = SocketAddress.tcp(host: "127.0.0.1", port: 0)
    /// Where clients find it, as `https://azure.example:8443`; empty: at the address it listens on.
    package var publicEndpoint = ""
    /// Whether it speaks TLS, with a certificate made at its start for the name in ``publicEndpoint``, or `localhost`.
    package var usesTLS = false
    /// Where the authority of that certificate is put, for clients to trust; empty: in a directory of its own.
    package var authorityFile = ""
    /// Where ARM's knowledge outlives the process, in a directory of its own; empty: it does not.
    package var stateDirectory = ""
    /// PEM files of a certificate and its key to use in place of those that are made; both or neither.
    package var certificateFile = ""
    package var keyFile = ""
    /// Where every exchange is appended, a JSON object a line; empty: nowhere.
    package var recordingFile = ""
    /// What happens in it from the beginning.
    package var scenario = AzureScenario()
    /// HTTP connections at a time.
    package var connections = 4096

    /// An Azure that works as fast as it can.
    package init() {}
}

/// All that an adaptor must be told to use a fake Azure.
public struct FakeAzureAccount: Sendable {
    public let subscriptionID: String
    public let tenantID: String
    public let clientID: String
    public let clientSecret: Secret<String>
    public let resourceGroup: String
    public let region: String
    public let subnetID: String
    public let securityGroupID: String
    public let imageID: String
    public let instanceSize: String
    /// In place of `https://login.microsoftonline.com`.
    public let authorityHost: String
    /// In place of `https://management.azure.com`.
    public let managementEndpoint: String
    /// In place of `http://169.254.169.254`: the node's own metadata service.
    public let metadataEndpoint: String
    /// PEM of the authority to trust; empty without TLS.
    public let authorityFile: String
}
