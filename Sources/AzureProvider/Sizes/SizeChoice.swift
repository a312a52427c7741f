internal import Configuration
package import PodVMLifecycle

/// The sizes that a pod's VM may have, the best first.
///
/// `machine_type` has the highest priority, then the required resources - GPUs, vCPUs, memory, if given - then the
/// configured default. The error messages begin with the same words as the Go adaptor's.
package struct SizeChoice: Sendable {
    let options: AzureOptions
    /// Nil: the region's sizes could not be read.
    let catalog: SizeCatalog?

    /// Why no size can be chosen; the pod's annotations or the configuration must change.
    package struct Refusal: Error, Equatable, CustomStringConvertible {
        /// The size or the requirement, why it is refused, and what to change.
        package let description: String

        init(_ description: String) { self.description = description }
    }

    /// kata's Rust shim sends these values when the pod sets none.
    private static let unset = (vcpus: 1, memoryMiB: 2048)

    /// The sizes that annotations may choose: the list, or the default if there is no list.
    private var allowed: [String] {
        let list = options.instanceSizes.map(\.trimmed).filter { !$0.isEmpty }
        return list.isEmpty ? [defaultSize] : list
    }

    private var defaultSize: String { options.instanceSize.trimmed }

    /// `catalog` has the sizes of the region; nil: they could not be read.
    package init(_ options: AzureOptions, _ catalog: SizeCatalog?) {
        self.options = options
        self.catalog = catalog
    }

    /// Whether the choice needs the region's sizes.
    package static func needsCatalog(_ wanted: Requirements) -> Bool { wanted.machineType == nil && isSized(wanted) }

    /// The sizes to try, at least one.
    package func sizes(for wanted: Requirements) throws(Refusal) -> [VMSize] {
        if let name = wanted.machineType { return [try usable(try permitted(name))] }
        if SizeChoice.isSized(wanted) { return try fitting(wanted) }
        let first = try usable(defaultSize)
        // A size that replaces the default must not be smaller.
        let others = allowed.compactMap { try? usable($0) }.filter {
            $0.name != first.name && $0.fits(vcpus: first.vcpus, memoryMiB: first.memoryMiB, gpus: first.gpus)
        }
        return [first] + others
    }

    private static func isSized(_ wanted: Requirements) -> Bool {
        wanted.gpus != nil || (wanted.vcpus ?? unset.vcpus) != unset.vcpus
            || (wanted.memoryMiB ?? unset.memoryMiB) != unset.memoryMiB
    }

    private func permitted(_ name: String) throws(Refusal) -> String {
        let name = name.trimmed
        let list = options.instanceSizes.map(\.trimmed).filter { !$0.isEmpty }
        if list.isEmpty {
            if name.lowercased() == defaultSize.lowercased() { return defaultSize }
            throw Refusal(
                "requested instance type (\"\(name)\") is not default (\"\(defaultSize)\") and supported instance types "
                    + "list is empty; name the sizes that pods may ask for with -instance-sizes")
        }
        if let known = list.first(where: { $0.lowercased() == name.lowercased() }) { return known }
        throw Refusal(
            "requested instance type (\"\(name)\") is not part of supported instance types list "
                + "(\(list.joined(separator: ", ")))")
    }

    private func fitting(_ wanted: Requirements) throws(Refusal) -> [VMSize] {
        let (vcpus, memory, gpus) = (wanted.vcpus ?? 0, wanted.memoryMiB ?? 0, wanted.gpus ?? 0)
        let found = allowed.compactMap { try? usable($0) }
            .filter { $0.fits(vcpus: wanted.vcpus, memoryMiB: wanted.memoryMiB, gpus: wanted.gpus) }
            // Graphics processors are expensive: sizes with them come last unless the pod asks for them.
            .sorted { ($0.gpus > 0 && gpus == 0 ? 1 : 0, $0) < ($1.gpus > 0 && gpus == 0 ? 1 : 0, $1) }
        if !found.isEmpty { return found }
        let list = allowed.map(described).joined(separator: ", ")
        if gpus > 0 {
            throw Refusal(
                "failed to get instance type based on GPU, vCPU, and memory annotations: no instance type found for the "
                    + "given gpus (\(gpus)), vcpus (\(vcpus)), and memory (\(memory)); to choose from: \(list)")
        }
        throw Refusal(
            "failed to get instance type based on vCPU and memory annotations: no instance type found for the given "
                + "vcpus (\(vcpus)) and memory (\(memory)); to choose from: \(list)")
    }

    private func described(_ name: String) -> String {
        do throws(Refusal) {
            let size = try usable(name)
            let gpus = size.gpus > 0 ? ", \(size.gpus) GPUs" : ""
            return "\(size.name) (\(size.vcpus) vCPUs, \(size.memoryMiB) MiB\(gpus))"
        } catch {
            return "\(name) (not usable)"
        }
    }

    /// The size of that name, if a pod VM can use it.
    private func usable(_ name: String) throws(Refusal) -> VMSize {
        let size = try known(name)
        if let restriction = size.restriction {
            throw Refusal(
                "size \(size.name) is not available to this subscription in \(options.region) (\(restriction)); use "
                    + "another size or region, or ask Azure for access to it")
        }
        if options.isConfidential, size.confidentialType == nil {
            throw Refusal(
                "size \(size.name) is not for confidential VMs; use one that is (DCesv6 and ECesv6 are TDX), or "
                    + "-disable-cvm" + offer(for: name))
        }
        if !size.hasPremiumStorage {
            throw Refusal("size \(size.name) has no premium storage, which the VM's OS disk needs; use another size")
        }
        return size
    }

    private func known(_ name: String) throws(Refusal) -> VMSize {
        guard let catalog else { return VMSize(name: name) }
        if let size = catalog[name] { return size }
        throw Refusal("size \"\(name)\" does not exist in \(options.region)" + offer(for: name))
    }

    private func offer(for name: String) -> String {
        let names = catalog?.nearest(to: name, isConfidential: options.isConfidential) ?? []
        return names.isEmpty ? "" : "; nearest are \(names.joined(separator: ", "))"
    }
}

/// Makes tuples that contain ``VMSize`` comparable.
extension VMSize: Comparable {
    /// Compares by what a size offers, so that the smallest sufficient size can be chosen.
    package static func < (one: VMSize, other: VMSize) -> Bool { isSmaller(one, other) }
}
