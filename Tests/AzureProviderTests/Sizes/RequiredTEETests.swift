import AzureDoubles
import AzureProvider
import JSON
import PodVMLifecycle
import Telemetry
import Testing

private typealias Fixture = ProviderFixture

@Suite("A required TEE")
struct RequiredTEETests {
    private static let both = ["Standard_DC2as_v5", "Standard_DC4es_v6", "Standard_DC8es_v6"]

    /// The chosen sizes, or the refusal.
    private func choose(
        _ wanted: Requirements, sizes: [String] = Self.both, _ change: (inout AzureOptions) -> Void = { _ in }
    ) throws -> [String] {
        var options = Example.options
        options.instanceSizes = sizes
        change(&options)
        do {
            return try SizeChoice(options, try Example.catalog()).sizes(for: wanted).map(\.name)
        } catch let refusal as SizeChoice.Refusal {
            return [refusal.description]
        }
    }

    @Test("keeps sizes of another TEE out of the fallbacks, whether the pod or the node requires it")
    func fallbacks() throws {
        let tdx = ["Standard_DC2es_v6", "Standard_DC4es_v6", "Standard_DC8es_v6"]
        #expect(try choose(Requirements()).contains("Standard_DC2as_v5"), "as without any requirement")
        #expect(try choose(Requirements(tees: [.tdx])) == tdx)
        #expect(try choose(Requirements()) { $0.acceptedTEEs = [.tdx] } == tdx)
        #expect(try choose(Requirements(tees: [.tdx, .snp])) { $0.acceptedTEEs = [.tdx] } == tdx)
    }

    @Test("that the default size does not have lets the pod begin with another size that is not smaller")
    func otherDefault() throws {
        #expect(try choose(Requirements(tees: [.snp])) == ["Standard_DC2as_v5"])
        #expect(
            try choose(Requirements(tees: [.snp])) { $0.instanceSize = "Standard_DC4es_v6" } == [
                "the default size Standard_DC4es_v6 has the TEE tdx, and the pod or this node accepts only snp, and no other "
                    + "size does: Standard_DC2as_v5 (2 vCPUs, 8192 MiB), Standard_DC4es_v6 (tdx, not accepted), "
                    + "Standard_DC8es_v6 (tdx, not accepted)"
            ])
    }

    @Test("restricts the sizes that fit, and the size that an annotation names")
    func restricted() throws {
        #expect(try choose(Requirements(vcpus: 2, tees: [.snp])) == ["Standard_DC2as_v5"])
        let large = try choose(Requirements(vcpus: 4, tees: [.snp]))[0]
        #expect(large.contains("no instance type found") && large.contains("Standard_DC4es_v6 (tdx, not accepted)"))
        #expect(
            try choose(Requirements(machineType: "Standard_DC2as_v5", tees: [.tdx]))[0]
                == "requested instance type (\"Standard_DC2as_v5\") has the TEE snp, and the pod or this node accepts only tdx"
        )
    }

    @Test("that the node does not accept, or that VMs without a TEE cannot meet, is refused with the reason")
    func impossible() throws {
        #expect(
            try choose(Requirements(tees: [.snp])) { $0.acceptedTEEs = [.tdx] }[0].hasPrefix(
                "the pod requires a VM with snp, and this node accepts only tdx (-accepted-tees)"))
        #expect(
            try choose(Requirements(tees: [.snp])) { $0.isConfidential = false }[0].hasSuffix("because of -disable-cvm")
        )
    }

    @Test("is checked at CreateVM as soon as the sizes are known, and by the sizes' names before")
    func check() async throws {
        let azure = try Fixture { $0.instanceSizes = ["Standard_DC4es_v6"] }
        #expect(throws: Never.self) { try azure.provider.check(Requirements()) }
        #expect(throws: Never.self) { try azure.provider.check(Requirements(tees: [.tdx])) }
        let error = #expect(throws: ProviderError.self) { try azure.provider.check(Requirements(tees: [.snp])) }
        #expect(error?.code == .rejected)
        #expect(error?.detail.contains("Standard_DC2es_v6 has the TEE tdx") == true, "\(error?.detail ?? "")")
        #expect(azure.calls.isEmpty)
        // With numbers, only the region's sizes tell: StartVM refuses.
        #expect(throws: Never.self) { try azure.provider.check(Requirements(vcpus: 4, tees: [.snp])) }
        let refused = await azure.failure { _ = try await azure.create(Requirements(vcpus: 4, tees: [.snp])) }
        #expect(refused?.code == .rejected && azure.places.isEmpty)
        #expect(throws: ProviderError.self) { try azure.provider.check(Requirements(vcpus: 4, tees: [.snp])) }
    }

    @Test("is kept when Azure has no capacity: the start fails rather than to use another TEE")
    func noCrossing() async throws {
        let azure = try Fixture { $0.instanceSizes = ["Standard_DC2as_v5"] }
        azure.arm.on("PUT", Fixture.vm, .refusal(409, "SkuNotAvailable", "none", [("x-ms-request-id", "r1")]))
        let creation = azure.provider.createInstance(for: azure.sandbox, from: azure.spec(Requirements(tees: [.tdx])))
        let (words, event) = await creation.placed()
        #expect(
            words == [
                "trying Standard_DC2es_v6 (tdx)", "SkuNotAvailable in Standard_DC2es_v6 (tdx), next none",
            ])
        guard case .failed(let error) = event else {
            Issue.record("\(event)")
            return
        }
        #expect(error.code == .outOfCapacity && error.detail.contains("request id r1"))
        #expect(azure.places == ["Standard_DC2es_v6"])
    }

    @Test("each place is reported before it is asked for, and each refusal with Azure's code and the next place")
    func reported() async throws {
        let azure = try Fixture { $0.instanceSizes = ["Standard_DC2as_v5"] }
        azure.arm.on(
            "PUT", Fixture.vm, .refusal(409, "SkuNotAvailable"), .json(201, Fixture.machine(), [Fixture.running]))
        azure.address(.refusal(404, "ResourceNotFound"), Fixture.hasAddress)
        let creation = azure.provider.createInstance(for: azure.sandbox, from: azure.spec)
        guard case .trying(let place) = await creation.next() else {
            Issue.record("no place")
            return
        }
        #expect(place == InstancePlace(size: "Standard_DC2es_v6", tee: .tdx))
        #expect(azure.places.isEmpty, "nothing is asked for before the next call")
        let (words, event) = await creation.placed()
        #expect(
            words == [
                "SkuNotAvailable in Standard_DC2es_v6 (tdx), next Standard_DC2as_v5 (snp)",
                "trying Standard_DC2as_v5 (snp)",
            ])
        guard case .addressKnown(let instance) = event else {
            Issue.record("\(event)")
            return
        }
        #expect(instance.place == InstancePlace(size: "Standard_DC2as_v5", tee: .snp))
    }

    @Test("settings that contradict each other are refused, and a list without an accepted size gives a warning")
    func settings() {
        var options = Example.options
        options.clientSecret = .init("s")
        options.acceptedTEEs = [.snp]
        #expect(options.problems.isEmpty)
        #expect(options.warnings.contains { $0.contains("-accepted-tees (ACCEPTED_TEES) is snp") })
        options.isConfidential = false
        #expect(options.problems.contains { $0.contains("-disable-cvm") })
        options = Example.options
        options.instanceSizes = ["auto", "Standard_DC4es_v6"]
        #expect(options.problems.contains { $0.contains("auto beside sizes") })
    }
}

@Suite("-instance-sizes auto")
struct AutomaticSizeTests {
    private func choose(
        _ wanted: Requirements, _ change: (inout AzureOptions) -> Void = { _ in }
    ) throws -> [String] {
        var options = Example.options
        options.instanceSizes = ["auto"]
        change(&options)
        do {
            return try SizeChoice(options, try Example.catalog()).sizes(for: wanted).map(\.name)
        } catch let refusal as SizeChoice.Refusal {
            return [refusal.description]
        }
    }

    @Test("gives the smallest size of the region that fits and has the TEE of the default size")
    func fits() throws {
        #expect(try choose(Requirements(vcpus: 3)) == ["Standard_DC4es_v6", "Standard_DC8es_v6"])
        #expect(
            try choose(Requirements(memoryMiB: 9000)) == [
                "Standard_EC2es_v6", "Standard_DC4es_v6", "Standard_DC8es_v6",
            ])
        #expect(
            try choose(Requirements()) == [
                "Standard_DC2es_v6", "Standard_EC2es_v6", "Standard_DC4es_v6", "Standard_DC8es_v6",
            ])
    }

    @Test("gives sizes of another TEE only when the pod or the node accepts it")
    func tee() throws {
        #expect(try choose(Requirements(vcpus: 2, tees: [.snp])) == ["Standard_DC2as_v5"])
        #expect(try choose(Requirements(vcpus: 2)) { $0.acceptedTEEs = [.snp] } == ["Standard_DC2as_v5"])
        #expect(try choose(Requirements(vcpus: 2, tees: [.tdx, .snp])).contains("Standard_DC2as_v5"))
    }

    @Test("gives graphics processors only to pods that ask for them")
    func gpus() throws {
        #expect(try choose(Requirements(gpus: 1, tees: [.snp])) == ["Standard_NCC40ads_H100_v5"])
        #expect(
            try choose(Requirements(vcpus: 40, tees: [.snp]))[0].contains(
                "the sizes of eastus with snp, of which the largest is Standard_DC2as_v5 (2 vCPUs, 8192 MiB)"))
    }

    @Test("accepts any usable size that an annotation names, within the TEE")
    func named() throws {
        #expect(try choose(Requirements(machineType: "standard_dc8es_v6")) == ["Standard_DC8es_v6"])
        #expect(try choose(Requirements(machineType: "Standard_DC2as_v5"))[0].contains("has the TEE snp"))
        #expect(try choose(Requirements(machineType: "Standard_D2s_v5"))[0].contains("not for confidential VMs"))
        #expect(try choose(Requirements(machineType: "Standard_X"))[0].contains("does not exist"))
    }

    @Test("of a pod's spec: a dimension that the pod does not name is at least that of the default size")
    func spec() throws {
        #expect(
            try choose(Requirements(vcpus: 1, memoryMiB: 100, origin: .podSpec)) == [
                "Standard_DC2es_v6", "Standard_EC2es_v6", "Standard_DC4es_v6", "Standard_DC8es_v6",
            ])
        #expect(try choose(Requirements(vcpus: 4, origin: .podSpec)).first == "Standard_DC4es_v6")
        #expect(
            try choose(Requirements(vcpus: 4, origin: .podSpec)) { $0.instanceSize = "Standard_EC2es_v6" }.first
                == "Standard_DC4es_v6")
        #expect(try choose(Requirements(vcpus: 64, origin: .podSpec))[0].contains("memory pod's spec") == false)
        #expect(try choose(Requirements(vcpus: 64, origin: .podSpec))[0].contains("the pod's spec: no instance type"))
    }

    @Test("a pod's spec never keeps a pod from the default size where there is no list, as upstream")
    func noList() throws {
        let one = { (options: inout AzureOptions) in options.instanceSizes = [] }
        #expect(try choose(Requirements(vcpus: 64, memoryMiB: 1 << 20, origin: .podSpec), one) == ["Standard_DC2es_v6"])
        #expect(try choose(Requirements(vcpus: 64, memoryMiB: 1 << 20), one)[0].contains("no instance type found"))
    }
}
