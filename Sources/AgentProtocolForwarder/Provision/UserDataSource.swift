internal import Configuration
internal import LinuxIO
internal import PodVMBoot

/// The source of a VM's user data.
enum UserDataSource: Equatable, Sendable {
    case file(String)
    case metadata(MetadataEndpoint)

    /// The mount point of a configuration disk (label `cidata`).
    static let configurationDisk = "/media/cidata/user-data"

    /// The source that the flags name. Without flags, the configuration disk if the image allows it and there is one,
    /// else Azure's metadata service.
    static func choose(
        file: String, endpoint: String, allowsDisk: Bool, configurationDisk: String = configurationDisk
    ) throws(ConfigurationError) -> UserDataSource {
        if !file.isEmpty { return .file(file) }
        if !endpoint.isEmpty { return .metadata(try MetadataEndpoint(parsing: endpoint)) }
        if allowsDisk, Files.exists(configurationDisk) { return .file(configurationDisk) }
        return .metadata(try MetadataEndpoint(parsing: MetadataEndpoint.azure))
    }

    /// Reads the user data; calls `tell` for each failure that it retries.
    func read(_ retry: MetadataRetry, tell: @escaping @Sendable (String) -> Void) throws -> [UInt8] {
        switch self {
        case .file(let path): return try DurableFile.read(path, limit: CloudConfig.sizeLimit)
        case .metadata(let endpoint):
            let name = "the metadata service at \(endpoint)"
            do {
                return try EpollLoop.run { loop in
                    let service = MetadataService(endpoint: endpoint, loop: loop)
                    return try await retry.userData(from: service) { tell("\(name): \($0)") }
                }
            } catch let error as MetadataError {
                throw ForwarderError("cannot get user data from \(name): \(error)", advice: AzureMachine.advice)
            }
        }
    }
}

/// Recognises an Azure VM.
enum AzureMachine {
    /// The chassis' asset tag, the same in all of Azure's VMs.
    private static let assetTag = "7783-7084-3265-9085-8269-3286-77"
    private static let file = "/sys/class/dmi/id/chassis_asset_tag"

    static var isHere: Bool {
        guard let bytes = try? DurableFile.read(file, limit: 4096) else { return false }
        return String(decoding: bytes, as: UTF8.self).hasPrefix(assetTag)
    }

    /// The next step when there is no user data.
    static var advice: String {
        isHere
            ? "check that a cloud-api-adaptor has made the VM, and that no filter blocks 169.254.169.254"
            : "this is not an Azure VM by its chassis tag: give -user-data, -imds-endpoint, or -configuration-disk and a"
                + " disk at \(UserDataSource.configurationDisk)"
    }
}
