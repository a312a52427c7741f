internal import AzureProvider
internal import JSON
internal import Preflight

extension AzureCheck {
    private static var galleries: String { "2023-07-03" }

    func checkImage() async throws(ReadFailure) -> [Finding] {
        switch ImageID(options.imageID) {
        case nil: return []
        case .gallery(let image, let version): return try await checkGallery(image, version)
        case .managed(let image): return try await checkManaged(image)
        case .community(let gallery, let image, let version):
            return try await checkForeign("communityGalleries/\(gallery)/images/\(image)", version)
        case .shared(let gallery, let image, let version):
            return try await checkForeign("sharedGalleries/\(gallery)/images/\(image)", version)
        }
    }

    private func checkGallery(_ image: ResourceID, _ version: String?) async throws(ReadFailure) -> [Finding] {
        let definition = try await get(image.description, apiVersion: Self.galleries)
        let faults = try Self.read { () throws(JSONError) in try self.faults(of: definition) }
        if !faults.isEmpty { return faults }
        var versions: [JSONNode]
        if let version {
            versions = [
                try await get(
                    "\(image)/versions/\(version)", apiVersion: Self.galleries,
                    query: [(name: "$expand", value: "ReplicationStatus")])
            ]
        } else {
            versions = try await list("\(image)/versions", apiVersion: Self.galleries)
        }
        return try Self.read { () throws(JSONError) in [try judge(versions, of: image.name, isLatest: version == nil)] }
    }

    /// A gallery of another owner lists only versions that are replicated to the region of the request.
    private func checkForeign(_ path: String, _ version: String) async throws(ReadFailure) -> [Finding] {
        let base = account.inRegion("Microsoft.Compute", path)
        let definition = try await get(base, apiVersion: Self.galleries)
        let faults = try Self.read { () throws(JSONError) in try self.faults(of: definition) }
        if !faults.isEmpty { return faults }
        if version.lowercased() == "latest" {
            let versions = try await list("\(base)/versions", apiVersion: Self.galleries)
            guard !versions.isEmpty else {
                return [
                    Finding(
                        "image", .failed, "\(options.imageID) has no version in \(options.region)",
                        advice: "ask its owner to replicate it there, or choose another region or image")
                ]
            }
        } else {
            do throws(ReadFailure) {
                _ = try await get("\(base)/versions/\(version)", apiVersion: Self.galleries)
            } catch {
                guard case .arm(let reason) = error, reason.isNotFound else { throw error }
                return [
                    Finding(
                        "image", .failed,
                        "version \(version) of \(options.imageID) is not in \(options.region): \(reason.detail)",
                        advice: "ask its owner to replicate it there, or choose another version, region or image")
                ]
            }
        }
        return [Finding("image", .ok, "\(options.imageID) is in \(options.region)")]
    }

    private func checkManaged(_ image: ResourceID) async throws(ReadFailure) -> [Finding] {
        let node = try await get(image.description, apiVersion: APIVersion.compute)
        let (place, generation) = try Self.read { () throws(JSONError) in
            (
                try node.string("location"),
                try node.optionalObject("properties")?.optionalString("hyperVGeneration") ?? "V1"
            )
        }
        if place.folded != options.region.folded {
            return [
                Finding(
                    "image", .failed, "the image \(image.name) is in \(place), not in \(options.region)",
                    advice: "make one there, or a gallery image that is replicated to it")
            ]
        }
        if generation.lowercased() != "v2" { return [generationFault(generation)] }
        if options.isConfidential {
            return [
                Finding(
                    "image", .unknown,
                    "\(image.name) is a managed image, which does not say whether a confidential VM boots it",
                    advice: "publish it in a gallery, with the feature SecurityType=ConfidentialVmSupported")
            ]
        }
        return [Finding("image", .ok, "\(image.name), in \(place)")]
    }

    private func generationFault(_ generation: String) -> Finding {
        Finding(
            "image", .failed, "the image is of generation \(generation); confidential VMs, and UEFI, need V2",
            advice: "build it for generation 2")
    }

    /// The properties of an image's definition that keep pod VMs from booting it.
    private func faults(of definition: JSONNode) throws(JSONError) -> [Finding] {
        let properties = try definition.object("properties")
        if let system = try properties.optionalString("osType"), system.lowercased() != "linux" {
            return [Finding("image", .failed, "the image is for \(system)", advice: "use a Linux image")]
        }
        if let state = try properties.optionalString("osState"), state.lowercased() != "generalized" {
            return [
                Finding(
                    "image", .failed, "the image is \(state): a VM of it cannot be given a name and a user",
                    advice: "create its definition with --os-state Generalized")
            ]
        }
        let generation = try properties.optionalString("hyperVGeneration") ?? "V1"
        if generation.lowercased() != "v2" { return [generationFault(generation)] }
        var kinds: [String] = []
        for feature in try properties.optionalObjects("features") ?? []
        where try feature.optionalString("name")?.lowercased() == "securitytype" {
            kinds.append(try feature.optionalString("value") ?? "")
        }
        // ConfidentialVM, ConfidentialVmSupported, TrustedLaunchAndConfidentialVmSupported
        if options.isConfidential, !kinds.contains(where: { $0.lowercased().contains("confidentialvm") }) {
            let said = kinds.isEmpty ? "no SecurityType" : "SecurityType=\(kinds.joined(separator: ","))"
            return [
                Finding(
                    "image", .failed, "the image's definition has \(said): it is not for confidential VMs",
                    advice: "create its definition with --features SecurityType=ConfidentialVmSupported")
            ]
        }
        return []
    }

    /// Checks whether one of these versions is in the region.
    private func judge(_ versions: [JSONNode], of image: String, isLatest: Bool) throws(JSONError) -> Finding {
        var elsewhere: Set<String> = []
        var troubled: String?
        for version in versions {
            let name = try version.string("name")
            let properties = try version.object("properties")
            let profile = try properties.optionalObject("publishingProfile")
            if isLatest, try profile?.optionalBool("excludeFromLatest") == true { continue }
            var places: [String] = []
            for target in try profile?.optionalObjects("targetRegions") ?? [] {
                places.append(try target.string("name"))
            }
            elsewhere.formUnion(places.map(\.folded))
            guard places.contains(where: { $0.folded == options.region.folded }) else { continue }
            guard let state = try replication(properties) else {
                return Finding("image", .ok, "\(image) \(name) is in \(options.region)")
            }
            troubled = "\(image) \(name) is not ready in \(options.region): \(state)"
        }
        if let troubled {
            return Finding(
                "image", .failed, troubled,
                advice: "wait until it has been replicated, or find out why its replication failed")
        }
        if versions.isEmpty {
            return Finding(
                "image", .failed, "\(image) has no version", advice: "create a version, or choose another image")
        }
        let places = elsewhere.isEmpty ? "nowhere" : "only in \(elsewhere.sorted().prefix(8).joined(separator: ", "))"
        return Finding(
            "image", .failed, "\(image) is not replicated to \(options.region); it is \(places)",
            advice: "add \(options.region) to the version's target regions (az sig image-version update --add "
                + "publishingProfile.targetRegions name=\(options.region)), or choose another image or region")
    }

    /// The fault of the version, or of its copy in the region; nil if there is none.
    private func replication(_ properties: JSONNode) throws(JSONError) -> String? {
        if let state = try properties.optionalString("provisioningState"), state.lowercased() == "failed" {
            return "its provisioning failed"
        }
        for place in try properties.optionalObject("replicationStatus")?.optionalObjects("summary") ?? []
        where try place.optionalString("region")?.folded == options.region.folded {
            let state = try place.optionalString("state") ?? "Completed"
            return state.lowercased() == "completed" ? nil : "its replication is \(state)"
        }
        return nil
    }
}
