public import PodVMLifecycle
public import Telemetry

/// The settings of the Azure provider.
///
/// Names, variables and defaults of the flags are those of the Go adaptor; see ``settings``.
public struct AzureOptions: Sendable {
    // The account.
    /// The application (client) id. With a managed identity: the id of a user-assigned identity, or empty for the
    /// system-assigned identity.
    public var clientID = ""
    /// The application's client secret; empty: workload identity or a managed identity is used.
    public var clientSecret = Secret("")
    /// The Microsoft Entra tenant that issues tokens.
    public var tenantID = ""
    /// The subscription that pod VMs belong to.
    public var subscriptionID = ""
    /// Which kind of credential is used; `automatic` uses the first kind that has all its settings.
    public var credential = CredentialKind.automatic
    /// Workload identity's token, which the kubelet replaces every hour.
    public var federatedTokenFile = ""
    /// The Azure cloud, which determines the endpoints that are not set.
    public var cloud = AzureCloud.public
    /// The URL of the token issuer, such as `https://login.microsoftonline.com`; empty: the URL of ``cloud``.
    public var authorityHost = ""
    /// The URL of Azure Resource Manager, such as `https://management.azure.com`; empty: the URL of ``cloud``.
    public var managementEndpoint = ""
    /// The URL of this node's instance metadata service.
    public var metadataEndpoint = "http://169.254.169.254"
    /// A PEM file of the certificate authorities for the endpoints above; empty: those of the system.
    public var authorityFile = ""

    // The place of pod VMs.
    /// The region of pod VMs, such as `westeurope`.
    public var region = ""
    /// The name of the resource group of pod VMs.
    public var resourceGroup = ""
    /// The ARM id of the subnet of pod VMs.
    public var subnetID = ""
    /// The ARM id of the network security group of pod VMs; empty: none.
    public var securityGroupID = ""
    /// Whether each VM gets a public address, and the node reaches the VM there.
    public var usesPublicIP = false
    /// The availability zones, in the order in which they are tried; empty: the region decides.
    public var zones: [String] = []

    // The properties of pod VMs.
    /// The VM size of pods whose annotations ask for no other, such as `Standard_DC2as_v5`.
    public var instanceSize = "Standard_DC2as_v5"
    /// The sizes that annotations may choose, and that are tried in this order when ``instanceSize`` is not available. Only
    /// `auto`: every size of the region that a pod VM can have.
    public var instanceSizes: [String] = []
    /// The technologies that this node accepts for pod VMs; nil: the size decides.
    public var acceptedTEEs: Set<TEE>?
    /// The id of the VM image: an ARM id, or the id of an image in a community or shared gallery.
    public var imageID = ""
    /// The images that annotations may name in addition to ``imageID``.
    public var images: [String] = []
    /// Whether pod VMs are confidential VMs.
    public var isConfidential = true
    /// Which part of a confidential VM's disks is encrypted.
    public var diskEncryption = DiskEncryption.vmGuestStateOnly
    /// Whether confidential VMs use secure boot.
    public var hasSecureBoot = false
    /// Whether Azure keeps the VMs' serial console log for users who can read the VMs.
    public var hasBootDiagnostics = true
    /// The size of the root volume in GB; 0: the size of the image.
    public var rootVolumeSize = 0
    /// The name of the administrator account that Azure requires for a VM.
    public var sshUsername = "peerpod"
    /// The file of the administrator's public SSH key; empty: a new key without its private key.
    public var sshKeyPath = ""
    /// ARM ids of user-assigned identities for the VMs.
    public var identities: [String] = []
    /// The operator's tags of each resource, in addition to the adaptor's.
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

/// Which part of a confidential VM's disks is encrypted (ARM: `securityEncryptionType`).
public enum DiskEncryption: String, CaseIterable, Sendable {
    case vmGuestStateOnly = "VMGuestStateOnly"
    case diskWithVMGuestState = "DiskWithVMGuestState"
    case nonPersistedTPM = "NonPersistedTPM"
}
