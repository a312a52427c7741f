public import Telemetry

/// The settings of the Azure provider.
///
/// Names, variables and defaults of the flags are the Go adaptor's; see ``settings``.
public struct AzureOptions: Sendable {
    // The account.
    public var clientID = ""
    /// Empty: workload identity, or a managed one.
    public var clientSecret = Secret("")
    public var tenantID = ""
    public var subscriptionID = ""
    /// Which kind of credential is used; `automatic` takes the first for which all is there.
    public var credential = CredentialKind.automatic
    /// Workload identity's token, which the kubelet replaces every hour.
    public var federatedTokenFile = ""
    /// Which Azure: its endpoints follow from it unless they are given.
    public var cloud = AzureCloud.public
    /// `https://login.microsoftonline.com` and the like; empty: the cloud's.
    public var authorityHost = ""
    /// `https://management.azure.com` and the like; empty: the cloud's.
    public var managementEndpoint = ""
    /// Where the metadata service of this node is.
    public var metadataEndpoint = "http://169.254.169.254"
    /// Trusted for the endpoints above in place of the system's authorities; a PEM file.
    public var authorityFile = ""

    // Where pod VMs go.
    public var region = ""
    public var resourceGroup = ""
    public var subnetID = ""
    public var securityGroupID = ""
    public var usesPublicIP = false
    /// Tried in order; empty: the region decides.
    public var zones: [String] = []

    // What they are.
    public var instanceSize = "Standard_DC2as_v5"
    /// What annotations may choose from, and what is tried when ``instanceSize`` cannot be had, in order.
    public var instanceSizes: [String] = []
    public var imageID = ""
    /// What annotations may name beside ``imageID``.
    public var images: [String] = []
    public var isConfidential = true
    public var diskEncryption = DiskEncryption.vmGuestStateOnly
    public var hasSecureBoot = false
    /// Whether Azure keeps the VMs' serial console log for users who can read the VMs.
    public var hasBootDiagnostics = true
    /// In GB; 0: the image's.
    public var rootVolumeSize = 0
    public var sshUsername = "peerpod"
    public var sshKeyPath = ""
    /// ARM ids of user-assigned identities for the VMs.
    public var identities: [String] = []
    /// The operator's, in addition to the adaptor's.
    public var tags: [String: String] = [:]

    /// The defaults.
    public init() {}
}

/// How the adaptor authenticates to Microsoft Entra ID.
public enum CredentialKind: String, CaseIterable, Sendable {
    case automatic
    case clientSecret = "client-secret"
    case workloadIdentity = "workload-identity"
    case managedIdentity = "managed-identity"
}

/// The clouds that Microsoft and its partners run.
public enum AzureCloud: String, CaseIterable, Sendable {
    case `public` = "AzureCloud"
    case usGovernment = "AzureUSGovernment"
    case china = "AzureChinaCloud"
}

/// What of a confidential VM's disks is encrypted (ARM: `securityEncryptionType`).
public enum DiskEncryption: String, CaseIterable, Sendable {
    case vmGuestStateOnly = "VMGuestStateOnly"
    case diskWithVMGuestState = "DiskWithVMGuestState"
    case nonPersistedTPM = "NonPersistedTPM"
}
