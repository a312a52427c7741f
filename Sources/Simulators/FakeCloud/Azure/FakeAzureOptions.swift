package import LinuxIO
package import Telemetry

/// The settings of a fake Azure; ``AzureScenario`` has its behaviour.
package struct FakeAzureOptions: Sendable {
    // Its only account.
    /// The only subscription, a UUID.
    package var subscriptionID = "00000000-0000-4000-8000-000000000001"
    /// The only tenant, a UUID.
    package var tenantID = "00000000-0000-4000-8000-000000000002"
    /// The client id for which a secret gets tokens, a UUID.
    package var clientID = "00000000-0000-4000-8000-000000000003"
    /// Gives access to tokens and to `/control`. Random, because a client with the secret can run programs with the
    /// rights of this process.
    package var clientSecret = Secret(RandomID.token())
    /// Whether managed identities and federated tokens get tokens, too. Then every user of this machine can run
    /// programs with the rights of this process.
    package var acceptsAnyIdentity = false
    /// The name of the only resource group.
    package var resourceGroup = "peerpods"
    /// The only region.
    package var region = "eastus"
    /// The VM size of the account.
    package var instanceSize = "Standard_DC2es_v6"
    /// The address to listen on, for plain HTTP or for TLS.
    package var listen = SocketAddress.tcp(host: "127.0.0.1", port: 0)
    /// The URL that clients use, such as `https://azure.example:8443`; empty: the address it listens on.
    package var publicEndpoint = ""
    /// Whether it speaks TLS, with a certificate made at the start for the name in ``publicEndpoint``, or for
    /// `localhost`.
    package var usesTLS = false
    /// The file for the authority of that certificate, for clients to trust; empty: a file in a temporary directory.
    package var authorityFile = ""
    /// The directory in which ARM's state outlives the process; empty: the state ends with the process.
    package var stateDirectory = ""
    /// PEM files of a certificate and its key to use instead of a generated certificate; both or neither.
    package var certificateFile = ""
    /// The path of the private key; empty: none.
    package var keyFile = ""
    /// The file to which every exchange is appended, one JSON object per line; empty: none.
    package var recordingFile = ""
    /// The scenario at the start.
    package var scenario = AzureScenario()
    /// The maximum number of HTTP connections.
    package var connections = 4096

    /// A fake Azure without delays and failures.
    package init() {}
}
