import Doubles
import LinuxIO
import PodVMLifecycle
import Telemetry
import Testing

@testable import PodVMLifecycle

/// Says the same of every pod.
struct FixedDetails: PodDetailsSource {
    let details: PodDetails
    var failure: LifecycleError?

    init(_ change: (inout PodDetails) -> Void = { _ in }) {
        var details = PodDetails()
        change(&details)
        self.details = details
    }

    func details(of pod: ObservedPod) async throws(LifecycleError) -> PodDetails {
        if let failure { throw failure }
        return details
    }
}

@Suite("What the cluster knows of a pod")
struct PodDetailsTests {
    private func merged(
        _ wanted: Requirements, _ change: (inout PodDetails) -> Void = { _ in }
    ) -> Requirements {
        var details = PodDetails()
        details.resources = PodResources(vcpus: 4, memoryMiB: 9000, gpus: 1)
        change(&details)
        return wanted.completed(by: details)
    }

    @Test("decides the size where kata's request says nothing, or only what kata's Rust shim always sends")
    func spec() {
        for wanted in [Requirements(), Requirements(vcpus: 1, memoryMiB: 2048)] {
            #expect(
                merged(wanted) == Requirements(vcpus: 4, memoryMiB: 9000, gpus: 1, origin: .podSpec))
        }
        let nothing = merged(Requirements(vcpus: 1, memoryMiB: 2048)) { $0.resources = PodResources() }
        #expect(nothing == Requirements(vcpus: 1, memoryMiB: 2048))
    }

    @Test("is weaker than an annotation, also than one that has the Rust shim's value, and than a machine type")
    func annotations() {
        #expect(merged(Requirements(vcpus: 2)).vcpus == 2)
        #expect(merged(Requirements(vcpus: 2)).memoryMiB == 9000)
        let annotated = merged(Requirements(vcpus: 1, memoryMiB: 2048)) { $0.annotated = [.vcpus] }
        #expect(annotated.vcpus == 1 && annotated.memoryMiB == 9000)
        let named = Requirements(machineType: "Standard_DC2es_v6")
        #expect(merged(named) == named)
    }

    @Test("reaches the cloud and the record, with the technology, and the credentials reach the boot document only")
    func whole() async throws {
        let details = FixedDetails {
            $0.resources = PodResources(vcpus: 4, memoryMiB: 9000)
            $0.tees = [.tdx]
            $0.registryCredentials = Secret(Array("hunter2".utf8))
            $0.remarks = ["The image pull secret default/x is skipped"]
        }
        let node = Node(details: details)
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await supervisor.start(request("a").id)
            let history = try #require(supervisor.histories().first)
            #expect(history.requirements.reason == "the pod's spec needs 4 vCPUs, 9000 MiB; the pod accepts tdx")
            #expect(history.steps.contains { $0.kind == .missing && $0.detail.contains("default/x") })
        }
        let wanted = Requirements(vcpus: 4, memoryMiB: 9000, tees: [.tdx], origin: .podSpec)
        #expect(node.cloud.created.map(\.requirements) == [wanted])
        let record = try #require(try node.store.load().records.first)
        #expect(record.requirements == wanted)
        #expect(!String(decoding: record.encoded, as: UTF8.self).contains("hunter2"))
        let prepared = node.connector.requests.withLock { $0 }
        #expect(prepared.first?.registryCredentials?.reveal() == Array("hunter2".utf8))
        #expect(!"\(prepared)".contains("hunter2"))
    }

    @Test("refuses a pod at CreateVM, before anything is asked of the cloud, and leaves nothing")
    func refused() async throws {
        var invalid = FixedDetails()
        invalid.failure = LifecycleError(.invalidArgument, "the annotation peerpod.dev/tee is \"sgx\".")
        let huge = FixedDetails { $0.resources = PodResources(vcpus: Int.max, memoryMiB: 1) }
        for (details, words) in [
            (invalid, "peerpod.dev/tee"), (huge, "ask for \(Int.max) vCPUs, and no VM has more than 8192"),
        ] {
            let node = Node(details: details)
            try await node.run { supervisor in
                let error = await failure { _ = try await supervisor.create(request("a")) }
                #expect(error?.code == .invalidArgument)
                #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
                #expect(error?.message.hasSuffix("Nothing was asked of the cloud.") == true)
                await node.settled()
            }
            #expect(node.cloud.created.isEmpty)
            node.expectNothingLeft()
        }
    }

    @Test(
        "numbers that no VM can have are refused with the number and the limit",
        arguments: [
            (Requirements(vcpus: 1_000_000_000), "1000000000 vCPUs"),
            (Requirements(memoryMiB: 1 << 30), "1073741824 MiB"),
            (Requirements(gpus: 4096), "4096 GPUs"), (Requirements(memoryMiB: -1), "-1 MiB"),
            (Requirements(machineType: String(repeating: "x", count: 1 << 20)), "1048576 bytes"),
        ])
    func absurd(wanted: Requirements, words: String) async throws {
        let node = Node()
        try await node.run { supervisor in
            var request = try request("a")
            request.requirements = wanted
            let error = await failure { [request] in _ = try await supervisor.create(request) }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains(words) == true, "\(error?.message.prefix(300) ?? "")")
            #expect((error?.message.utf8.count ?? 0) < 600)
        }
        node.expectNothingLeft()
    }
}

@Suite("The history of a sandbox")
struct SandboxHistoryTests {
    private static let first = InstancePlace(size: "Standard_DC4es_v6", zone: "1", tee: .tdx)
    private static let second = InstancePlace(size: "Standard_DC4es_v6", zone: "2", tee: .tdx)

    private func placing() -> ScriptedCloud {
        let cloud = ScriptedCloud()
        cloud.announced.withLock {
            $0 = [
                .trying(Self.first),
                .refused(
                    RefusedTry(
                        place: Self.first, code: "SkuNotAvailable", detail: "HTTP 409: none (request id r1)",
                        next: Self.second)),
                .trying(Self.second),
            ]
        }
        return cloud
    }

    @Test("is in its record: each step with its time, and each place with the cloud's code")
    func recorded() async throws {
        let node = Node(cloud: placing())
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await supervisor.start(request("a").id)
        }
        let record = try #require(try node.store.load().records.first)
        #expect(
            record.history.steps.map(\.kind) == [
                .preparing, .prepared, .creating, .trying, .refused, .trying, .booting, .running,
            ])
        #expect(record.history.steps[4].code == "SkuNotAvailable")
        #expect(record.place == Self.second)
        #expect(try SandboxRecord(parsing: record.encoded) == record)
        #expect(node.supervisor.sandboxes().first?.place == Self.second)
    }

    @Test("is on disk with the refusal before the next place is tried")
    func writtenFirst() async throws {
        let cloud = placing()
        let goOn = Event()
        let node = Node(cloud: cloud)
        cloud.creation.append(.wait(goOn))
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            async let start: Void = supervisor.start(request("a").id)
            await cloud.calls.reached(.create)
            let record = try #require(try node.store.load().records.first)
            #expect(record.history.steps.last?.kind == .refused)
            #expect(record.state.name == "creating")
            goOn.set()
            try await start
        }
    }

    @Test("stays known after the end of the sandbox, with the reason of the failed start, for the last sandboxes")
    func ended() async throws {
        let cloud = placing()
        cloud.creation.append(.fail(.quota))
        let node = Node(cloud: cloud)
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            _ = await failure { try await supervisor.start(request("a").id) }
            await node.settled()
            let history = try #require(supervisor.histories().first)
            #expect(history.hasEnded && supervisor.sandboxes().isEmpty)
            #expect(history.summary.failure?.contains("QuotaExceeded") == true)
            #expect(history.steps.suffix(2).map(\.kind) == [.deleting, .gone])
            for number in 0..<EndedSandboxes.limit {
                _ = try await supervisor.create(request("b\(number)"))
                try await supervisor.stop("b\(number)")
                await node.settled()
            }
            let all = supervisor.histories()
            #expect(all.count == EndedSandboxes.limit && !all.contains { $0.summary.id == "a" })
        }
    }

    @Test("has at most 32 steps with short texts, and then keeps the first steps and the latest")
    func limits() throws {
        var history = StepHistory()
        let long = String(repeating: "é\u{0}\"", count: 5000)
        for number in 0..<1000 {
            history.append(SandboxStep(.refused, at: Int64(number), place: long, code: long, detail: long))
        }
        #expect(history.steps.count == StepHistory.limit)
        #expect(history.steps.prefix(5).map(\.time) == [0, 1, 2, 3, 972])
        #expect(history.steps.last?.time == 999)
        #expect(history.steps.allSatisfy { $0.detail.utf8.count <= 640 && $0.place.utf8.count <= 96 })
        var record = SandboxRecord(try request("a"), vm: InstanceID(rawValue: "vm"), created: 0)
        record.history = history
        #expect(record.encoded.count <= SandboxRecord.sizeLimit)
        #expect(try SandboxRecord(parsing: record.encoded).history == history)
    }

    @Test("of a record with an unknown technology or a wrong type is an error; an unknown step stays")
    func strange() throws {
        func parse(_ members: String) throws -> SandboxRecord {
            try SandboxRecord(
                parsing: Array(
                    """
                    {"version": 1, "sandbox": "s1", "pod": "nginx", "namespace": "default", "networkNamespace": "",
                     "created": 1767225600, "vm": "podvm-nginx-1", "state": "creating", \(members)}
                    """.utf8))
        }
        #expect(try parse(#""history": [{"step": "later", "at": 1}]"#).history.steps.first?.kind.rawValue == "later")
        for members in [
            #""tees": ["sgx"]"#, #""tees": []"#, #""history": [{"at": 1}]"#, #""history": {}"#,
            #""history": [{"step": "x", "at": "y"}]"#,
        ] { #expect(throws: RecordError.self, "\(members)") { try parse(members) } }
    }
}
