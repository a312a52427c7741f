internal import Configuration
package import PodVMLifecycle

/// The sizes that a pod's VM may have, the best first.
///
/// `machine_type` has the highest priority, then the required resources - GPUs, vCPUs, memory, if given - then the
/// configured default. A size whose technology is not accepted is never chosen. The error messages begin with the same words
/// as the Go adaptor's.
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

    /// The most sizes that the region's list gives for one pod: the provider makes few tries.
    private static let choiceLimit = 8

    /// The configured list; empty with `auto`.
    private var list: [String] {
        options.choosesSizes ? [] : options.instanceSizes.map(\.trimmed).filter { !$0.isEmpty }
    }

    private var defaultSize: String { options.instanceSize.trimmed }

    /// `catalog` has the sizes of the region; nil: they could not be read.
    package init(_ options: AzureOptions, _ catalog: SizeCatalog?) {
        self.options = options
        self.catalog = catalog
    }

    /// Whether the choice needs the region's sizes.
    package static func needsCatalog(_ wanted: Requirements) -> Bool { wanted.machineType == nil && wanted.hasNumbers }

    /// The sizes to try, at least one.
    package func sizes(for wanted: Requirements) throws(Refusal) -> [VMSize] {
        let tees = try accepted(by: wanted)
        if let name = wanted.machineType {
            let size = try usable(try permitted(name))
            if let fault = fault(of: size, tees) {
                throw Refusal("requested instance type (\"\(size.name)\") \(fault)")
            }
            return [size]
        }
        if wanted.hasNumbers { return try fitting(wanted, tees) }
        let first = try usable(defaultSize)
        // A size that replaces the default must not be smaller.
        let others = choices(gpus: first.gpus, tees).filter {
            $0.name != first.name && $0.fits(vcpus: first.vcpus, memoryMiB: first.memoryMiB, gpus: first.gpus)
        }
        let sizes = (fault(of: first, tees) == nil ? [first] : []) + others
        guard sizes.isEmpty, let fault = fault(of: first, tees) else { return limited(sizes) }
        throw Refusal("the default size \(first.name) \(fault), and no other size does: \(choicesText(tees))")
    }

    private func fitting(_ wanted: Requirements, _ tees: Set<TEE>?) throws(Refusal) -> [VMSize] {
        let (vcpus, memory, gpus) = (wanted.vcpus ?? 0, wanted.memoryMiB ?? 0, wanted.gpus ?? 0)
        let floor = floor(of: wanted)
        let found = choices(gpus: gpus, tees)
            .filter { $0.fits(vcpus: floor.vcpus, memoryMiB: floor.memoryMiB, gpus: wanted.gpus) }
            // Graphics processors are expensive: sizes with them come last unless the pod asks for them.
            .sorted { ($0.gpus > 0 && gpus == 0 ? 1 : 0, $0) < ($1.gpus > 0 && gpus == 0 ? 1 : 0, $1) }
        if !found.isEmpty { return limited(found) }
        // Without a list there is no choice: a pod's spec decides only among sizes, as without an API server.
        if wanted.origin == .podSpec, list.isEmpty, !options.choosesSizes {
            let size = try usable(defaultSize)
            if let fault = fault(of: size, tees) { throw Refusal("the default size \(size.name) \(fault)") }
            return [size]
        }
        let source = wanted.origin == .podSpec ? "the pod's spec" : "annotations"
        let numbers = "vcpus (\(vcpus)), and memory (\(memory)); to choose from: \(choicesText(tees))"
        if gpus > 0 {
            throw Refusal(
                "failed to get instance type based on GPU, vCPU, and memory \(source): no instance type found for the "
                    + "given gpus (\(gpus)), \(numbers)")
        }
        throw Refusal(
            "failed to get instance type based on vCPU and memory \(source): no instance type found for the given "
                + "vcpus (\(vcpus)) and memory (\(memory)); to choose from: \(choicesText(tees))")
    }

    /// What a size must have at least. A pod whose spec limits only the memory must not get fewer processors than the default
    /// size has, and vice versa.
    private func floor(of wanted: Requirements) -> (vcpus: Int?, memoryMiB: Int?) {
        guard wanted.origin == .podSpec, let standard = try? usable(defaultSize) else {
            return (wanted.vcpus, wanted.memoryMiB)
        }
        let unset = Requirements.unset
        return (
            wanted.vcpus == nil || wanted.vcpus == unset.vcpus ? standard.vcpus : wanted.vcpus,
            wanted.memoryMiB == nil || wanted.memoryMiB == unset.memoryMiB ? standard.memoryMiB : wanted.memoryMiB
        )
    }

    /// The usable sizes that a pod may get without naming one, in the list's order.
    private func choices(gpus: Int, _ tees: Set<TEE>?) -> [VMSize] {
        let sizes: [VMSize]
        if options.choosesSizes, let catalog {
            // The operator has not chosen an expensive size here.
            sizes = catalog.all.filter { (try? usable($0.name)) != nil && ($0.gpus > 0) == (gpus > 0) && $0.vcpus > 0 }
        } else {
            sizes = (list.isEmpty ? [defaultSize] : list).compactMap { try? usable($0) }
        }
        return sizes.filter { fault(of: $0, tees) == nil }
    }

    private func limited(_ sizes: [VMSize]) -> [VMSize] {
        options.choosesSizes ? Array(sizes.prefix(Self.choiceLimit)) : sizes
    }

    private func permitted(_ name: String) throws(Refusal) -> String {
        let name = name.trimmed
        if options.choosesSizes {
            // The reason for a size that does not exist, or is not usable, follows.
            return name
        }
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
}

// The technology that a pod or the node requires.
extension SizeChoice {
    /// The technologies that both the node and the pod accept; nil: any.
    private func accepted(by wanted: Requirements) throws(Refusal) -> Set<TEE>? {
        guard options.isConfidential else {
            guard let pod = wanted.tees else { return nil }
            throw Refusal(
                "the pod requires a VM with \(pod.text), and this node's VMs have no such technology because of -disable-cvm"
            )
        }
        guard let pod = wanted.tees else {
            if let node = options.acceptedTEEs { return node }
            // Among all sizes of the region, a pod must not get another technology than that of the default by chance.
            let standard = (catalog?[defaultSize] ?? VMSize(name: defaultSize)).tee
            return options.choosesSizes && standard != .none ? [standard] : nil
        }
        let both = options.acceptedTEEs.map(pod.intersection) ?? pod
        guard both.isEmpty else { return both }
        throw Refusal(
            "the pod requires a VM with \(pod.text), and this node accepts only \(options.acceptedTEEs?.text ?? "none") "
                + "(-accepted-tees); change the pod's requirement, or run it on another node")
    }

    /// Why a size cannot be used because of its technology; nil if it can.
    private func fault(of size: VMSize, _ tees: Set<TEE>?) -> String? {
        guard let tees, !tees.contains(size.tee) else { return nil }
        return "has the TEE \(size.tee.rawValue), and the pod or this node accepts only \(tees.text)"
    }
}

// Sizes, and what is said of them.
extension SizeChoice {
    private func choicesText(_ tees: Set<TEE>?) -> String {
        guard options.choosesSizes else {
            return (list.isEmpty ? [defaultSize] : list).map { described($0, tees) }.joined(separator: ", ")
        }
        let technology = tees.map { " with \($0.text)" } ?? ""
        guard let largest = choices(gpus: 0, tees).last else {
            return "no size of \(options.region)\(technology) is usable"
        }
        return "the sizes of \(options.region)\(technology), of which the largest is \(described(largest.name, tees))"
    }

    private func described(_ name: String, _ tees: Set<TEE>?) -> String {
        do throws(Refusal) {
            let size = try usable(name)
            if fault(of: size, tees) != nil { return "\(size.name) (\(size.tee.rawValue), not accepted)" }
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
