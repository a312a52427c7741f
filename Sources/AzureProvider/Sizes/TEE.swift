/// The technology that protects a VM's memory from the cloud (trusted execution environment).
package enum TEE: String, Sendable {
    /// Intel Trust Domain Extensions.
    case tdx
    /// AMD Secure Encrypted Virtualization with Secure Nested Paging.
    case snp
    /// Nothing does, as far as is known.
    case none
}

extension VMSize {
    /// What its VMs have when they are made as confidential ones.
    ///
    /// A word of the SKUs that is not known counts less than the name, by which Azure's documentation tells them apart.
    package var tee: TEE {
        for word in [confidentialType, VMSize.confidentialType(byName: name)] {
            guard let word = word?.lowercased() else { continue }
            if word.contains("tdx") { return .tdx }
            if word.contains("snp") { return .snp }
        }
        return .none
    }
}
