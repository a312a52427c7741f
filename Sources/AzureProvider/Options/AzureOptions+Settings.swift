public import Configuration
internal import PodVMLifecycle
internal import Telemetry

extension AzureOptions {
    /// Every flag of the Azure provider. The Go adaptor's flags have the same names, variables and defaults here.
    public static let settings: [Setting<AzureOptions>] = account + endpoints + place + machine + access

    private static let account: [Setting<AzureOptions>] = [
        Setting(
            "subscriptionid", environment: "AZURE_SUBSCRIPTION_ID", \.subscriptionID, .string("ID"),
            "The subscription that pod VMs belong to. Required."),
        Setting(
            "tenantid", environment: "AZURE_TENANT_ID", \.tenantID, .string("ID"),
            "The Microsoft Entra tenant that issues tokens; needed for a client secret and for workload identity."),
        Setting(
            "clientid", environment: "AZURE_CLIENT_ID", \.clientID, .string("ID"),
            """
            The application (client) id to act as. With a managed identity it selects a user-assigned one; without it, \
            the node's system-assigned identity is taken.
            """
        ),
        Setting(
            "secret", environment: "AZURE_CLIENT_SECRET", \.clientSecret, .secret,
            "The application's client secret. Without it, workload identity or a managed identity is taken."),
        Setting(
            "azure-credential", environment: "AZURE_CREDENTIAL", \.credential,
            .choice(CredentialKind.allCases.map { ($0.rawValue, $0) }),
            """
            Which credential to use; automatic takes the first for which everything is given: client secret, workload \
            identity, managed identity.
            """
        ),
        Setting(
            "azure-federated-token-file", environment: "AZURE_FEDERATED_TOKEN_FILE", \.federatedTokenFile, .path,
            "Workload identity's token; the file is read for each request for a token."),
    ]

    private static let endpoints: [Setting<AzureOptions>] = [
        Setting(
            "azure-cloud", environment: "AZURE_ENVIRONMENT", \.cloud, .cloud,
            "Which Azure it is: \(AzureCloud.allCases.map(\.rawValue).joined(separator: ", ")). The two endpoints below follow from it."
        ),
        Setting(
            "azure-authority-host", environment: "AZURE_AUTHORITY_HOST", \.authorityHost, .endpoint,
            "The URL of the token issuer. Without it, that of the cloud, such as https://login.microsoftonline.com."),
        Setting(
            "azure-management-endpoint", environment: "AZURE_MANAGEMENT_ENDPOINT", \.managementEndpoint, .endpoint,
            "The URL of Azure Resource Manager. Without it, that of the cloud, such as https://management.azure.com."),
        Setting(
            "azure-metadata-endpoint", environment: "AZURE_IMDS_ENDPOINT", \.metadataEndpoint, .endpoint,
            "Where this node's instance metadata service is; managed identity asks it for tokens."),
        Setting(
            "azure-ca-file", environment: "AZURE_CA_FILE", \.authorityFile, .path,
            "The certificate authorities to trust for these endpoints (PEM), instead of the system's."),
    ]

    private static let place: [Setting<AzureOptions>] = [
        Setting(
            "region", environment: "AZURE_REGION", \.region, .region,
            "The region that pod VMs run in, such as westeurope. Required."),
        Setting(
            "resourcegroup", environment: "AZURE_RESOURCE_GROUP", \.resourceGroup, .string("NAME"),
            "The resource group that pod VMs, their disks and network interfaces are created in. Required."),
        Setting(
            "zone", \.zones, .list("1,2,3"),
            "Availability zones for pod VMs, tried in this order. Without it, Azure chooses."),
        Setting(
            "subnetid", environment: "AZURE_SUBNET_ID", \.subnetID, .string("ARM-ID"),
            "The subnet that pod VMs join, as /subscriptions/.../virtualNetworks/NAME/subnets/NAME. Required."),
        Setting(
            "securitygroupid", environment: "AZURE_NSG_ID", \.securityGroupID, .string("ARM-ID"),
            "A network security group for the pod VMs' network interfaces, in addition to the subnet's own."),
        Setting(
            "use-public-ip", environment: "USE_PUBLIC_IP", \.usesPublicIP, .bool,
            "Give each pod VM a public IP address, and connect to it through that address."),
    ]

    private static let machine: [Setting<AzureOptions>] = [
        Setting(
            "imageid", environment: "AZURE_IMAGE_ID", \.imageID, .string("ID"),
            """
            The pod VMs' image: the ARM id of a gallery image, of one of its versions or of a managed image, or \
            /CommunityGalleries/NAME/Images/NAME/Versions/VERSION. Required.
            """
        ),
        Setting(
            "images", environment: "AZURE_IMAGES", \.images, .list("ID,..."),
            """
            Images that a pod's annotation may name in addition to -imageid. Default: none. With * as the version, as in \
            .../images/NAME/versions/*, every version of an image.
            """
        ),
        Setting(
            "instance-size", environment: "AZURE_INSTANCE_SIZE", \.instanceSize, .string("SIZE"),
            "The size of the VM of a pod that asks for none. The size also decides the TEE: DCes and ECes are Intel TDX."
        ),
        Setting(
            "instance-sizes", environment: "AZURE_INSTANCE_SIZES", \.instanceSizes, .list("SIZE,..."),
            """
            Sizes that a pod may ask for, instead of only -instance-size; also the sizes to try, in this order, when Azure \
            cannot provide a size. auto: every size of the region for confidential VMs of the accepted TEE; without \
            -accepted-tees and a requirement of the pod, that is the TEE of -instance-size.
            """
        ),
        Setting(
            "accepted-tees", environment: "ACCEPTED_TEES", \.acceptedTEEs, .tees,
            """
            The technologies that protect the memory of pod VMs: tdx, snp, or both. A size with another technology is never \
            used, and a pod can only narrow this list. Without it, the size decides.
            """
        ),
        Setting(
            "root-volume-size", environment: "ROOT_VOLUME_SIZE", \.rootVolumeSize, .integer(in: 0...4095),
            "The OS disk's size in GiB, if the image's own is too small; 0 leaves the image's."),
        Setting(
            "disable-cvm", environment: "DISABLECVM", \.isOrdinary, .bool,
            "Create VMs that are not confidential: the cloud can read their memory. For development only."),
        Setting(
            "enable-secure-boot", environment: "ENABLE_SECURE_BOOT", \.hasSecureBoot, .bool,
            "Boot pod VMs with secure boot: only signed boot loaders and kernels start."),
        Setting(
            "boot-diagnostics", environment: "AZURE_BOOT_DIAGNOSTICS", \.hasBootDiagnostics, .bool,
            """
            Keep each VM's serial console log in Azure, readable for all users who can read the VM. \
            -boot-diagnostics=false switches it off.
            """
        ),
        Setting(
            "os-disk-encryption", environment: "AZURE_OS_DISK_ENCRYPTION", \.diskEncryption,
            .choice(DiskEncryption.allCases.map { ($0.rawValue, $0) }),
            """
            What Azure encrypts of a confidential VM's disk: the vTPM's and firmware's state, the whole disk too (slower, \
            and only with -enable-secure-boot), or nothing, because no such state is kept.
            """
        ),
        Setting(
            "user-assigned-identities", environment: "AZURE_USER_ASSIGNED_IDENTITIES", \.identities,
            .list("ARM-ID,..."), "Managed identities that every pod VM gets. A pod's workload can use them."),
        Setting(
            "tags", environment: "TAGS", \.tags, .map,
            "Tags for the pod VMs and their disks, network interfaces and public addresses."),
    ]

    private static let access: [Setting<AzureOptions>] = [
        Setting(
            "ssh-username", environment: "SSH_USERNAME", \.sshUsername, .string("NAME"),
            "The name of the pod VMs' administrator, which Azure requires."),
        Setting(
            "ssh-key-path", \.sshKeyPath, .path,
            """
            The administrator's public SSH key; $NAME in the path is taken from the environment. Without it, a key whose \
            private key is discarded.
            """
        ),
    ]
}

extension ValueFormat where Value == Set<TEE>? {
    /// Technologies by their names.
    fileprivate static var tees: Self {
        Self(
            placeholder: "TEE,...",
            parse: { text throws(ValueError) in
                if text.isEmpty { return nil }
                guard let tees = TEE.set(text) else { throw ValueError(expected: "tdx, snp or both, such as tdx,snp") }
                return tees
            }, show: { $0?.map(\.rawValue).sorted().joined(separator: ",") ?? "" })
    }
}

extension ValueFormat where Value == AzureCloud {
    /// A cloud by its name in the Azure CLI, or by the longer name of Azure's SDKs.
    fileprivate static var cloud: Self {
        let names = AzureCloud.allCases.map(\.rawValue).joined(separator: ", ")
        return Self(
            placeholder: "CLOUD",
            parse: { text throws(ValueError) in
                switch text.lowercased() {
                case "azurecloud", "azurepubliccloud": return .public
                case "azureusgovernment", "azureusgovernmentcloud": return .usGovernment
                case "azurechinacloud": return .china
                default: throw ValueError(expected: "one of \(names)")
                }
            }, show: \.rawValue)
    }
}

extension ValueFormat where Value == String {
    /// A region in ARM's form: the portal's `West Europe` is `westeurope`.
    fileprivate static var region: Self {
        Self(
            placeholder: "REGION",
            parse: { text throws(ValueError) in text.lowercased().filter { !$0.isWhitespace } }, show: { $0 })
    }

    /// A URL without a path; a `/` at its end is removed.
    fileprivate static var endpoint: Self {
        Self(
            placeholder: "URL",
            parse: { text throws(ValueError) in
                var text = Substring(text)
                while text.hasSuffix("/") { text = text.dropLast() }
                guard let url = EndpointURL(String(text)) else {
                    throw ValueError(expected: "a URL such as https://host or https://host:port")
                }
                return url.text
            }, show: { $0 })
    }
}

extension AzureOptions {
    /// The flag's value, which is the opposite of the option.
    fileprivate var isOrdinary: Bool {
        get { !isConfidential }
        set { isConfidential = !newValue }
    }
}
