import AzureDoubles
import Doubles
import HTTPTransport
import JSON
import LinuxIO
import PodVMLifecycle
import Testing

@testable import AzureProvider

@Suite("Creating a VM on Azure")
struct CreateTests {
    private typealias Fixture = ProviderFixture
    private static let name = "podvm-nginx-0a1b2c3d"

    @Test("sends one request, which cannot change an existing VM, and returns once its interface has an address")
    func good() async throws {
        let azure = try Fixture()
        azure.accept()
        azure.address(.refusal(404, "ResourceNotFound"), .json(200, Fixture.interface("")), Fixture.hasAddress)
        azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine(nic: Self.name + "-net")))
        #expect(try await azure.create() == ["10.0.0.4"])
        let put = try #require(azure.arm.requests.first { $0.method == "PUT" })
        #expect(put.headers["If-None-Match"] == "*")
        #expect(put.url.hasSuffix("\(Fixture.vm)?api-version=2024-07-01"))
        #expect(azure.clock.slept < .seconds(2))
    }

    @Test("costs two calls to start a pod, and four to stop it")
    func economy() async throws {
        let azure = try Fixture()
        azure.accept()
        azure.address(Fixture.hasAddress)
        _ = try await azure.create()
        #expect(azure.calls == ["PUT \(Self.name)", "GET \(Self.name)-net"])
        azure.arm.on("DELETE", Fixture.vm, .empty(202, [Fixture.running]))
        azure.arm.on("GET", Fixture.nic, .refusal(404, "ResourceNotFound"))
        try await azure.provider.deleteInstance(Example.vm, of: azure.sandbox)
        #expect(
            azure.calls.dropFirst(2) == [
                "DELETE \(Self.name)", "GET \(Self.name)", "GET \(Self.name)-net", "GET \(Self.name)-disk",
            ])
        #expect(azure.arm.calls.count { $0.contains("/skus") } == 1)
    }

    @Test("tells the VM's own identifier: from the answer to the request, or from the first read of a VM that exists")
    func identifier() async throws {
        let new = try Fixture()
        new.arm.on("PUT", Fixture.vm, .json(201, Fixture.machine(vmID: "0b1c-1"), [Fixture.running]))
        new.address(Fixture.hasAddress)
        let created = try await new.provider.createInstance(for: new.sandbox, from: new.spec).instance()
        #expect(created.vmID == "0b1c-1")

        let old = try Fixture()
        old.arm.on("PUT", Fixture.vm, .refusal(412, "PreconditionFailed"))
        old.arm.on("GET", Fixture.vm, .json(200, Fixture.machine("Succeeded", vmID: "0b1c-2")))
        old.address(Fixture.hasAddress)
        let adopted = try await old.provider.createInstance(for: old.sandbox, from: old.spec).instance()
        #expect(adopted.vmID == "0b1c-2")
    }

    @Test("takes the interface's name from the VM if Azure gave it another name")
    func otherName() async throws {
        let azure = try Fixture()
        azure.accept()
        azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine(nic: "nic-7f")))
        azure.arm.on("GET", "/networkInterfaces/nic-7f", .json(200, Fixture.interface("10.0.0.9")))
        #expect(try await azure.create() == ["10.0.0.9"])
    }

    @Test("waits for the public address if that is dialed, and does not use 0.0.0.0")
    func publicAddress() async throws {
        let azure = try Fixture { $0.usesPublicIP = true }
        azure.accept()
        azure.address(
            .json(200, Fixture.interface("0.0.0.0")), .json(200, Fixture.interface("10.0.0.4", publicIP: "ip")))
        azure.arm.on(
            "GET", "/publicIPAddresses/ip", .json(200, ["properties": [:]]),
            .json(200, ["properties": ["ipAddress": "20.1.2.3"]]))
        #expect(try await azure.create() == ["20.1.2.3", "10.0.0.4"])
    }

    @Test("adopts the VM that an earlier request with a lost answer has created")
    func adopted() async throws {
        for answer in [ScriptedARM.Reply.refusal(412, "PreconditionFailed"), .refusal(409, "Conflict"), .broken] {
            let azure = try Fixture()
            azure.arm.on("PUT", Fixture.vm, answer)
            azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine(nic: Self.name + "-net")))
            azure.address(Fixture.hasAddress)
            #expect(try await azure.create() == ["10.0.0.4"])
        }
    }

    @Test("does not change a VM of the same name that has another owner, and names the owner")
    func foreign() async throws {
        for owner in ["ffffffff", nil] {
            let azure = try Fixture()
            azure.arm.on("PUT", Fixture.vm, .refusal(412, "PreconditionFailed"))
            azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine("Succeeded", sandbox: owner)))
            let error = await azure.failure { _ = try await azure.create() }
            #expect(error?.code == .rejected && error?.advice == .giveUp)
            #expect(error?.detail.contains(owner.map { "sandbox \($0)" } ?? "an unknown owner") == true)
            #expect(error?.detail.contains("left alone") == true)
            let deletion = await azure.failure {
                try await azure.provider.deleteInstance(Example.vm, of: azure.sandbox)
            }
            #expect(deletion?.code == .foreign)
            #expect(!azure.calls.contains { $0.hasPrefix("DELETE") })
        }
    }

    @Test("does not adopt a VM of another owner that took the name while another placement was tried")
    func takenMeanwhile() async throws {
        let azure = try Fixture { $0.zones = ["1", "2"] }
        azure.arm.on(
            "PUT", Fixture.vm, .json(201, Fixture.machine(), [Fixture.running]), .refusal(412, "PreconditionFailed"))
        azure.arm.on("GET", Fixture.operation, Fixture.status("Failed", "ZonalAllocationFailed"))
        azure.arm.on("DELETE", Fixture.vm, .empty(204))
        azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine("Succeeded", sandbox: "ffffffff")))
        #expect(await azure.failure { _ = try await azure.create() }?.detail.contains("sandbox ffffffff") == true)
        let deletions = azure.calls.count { $0.hasPrefix("DELETE") }
        let deletion = await azure.failure { try await azure.provider.deleteInstance(Example.vm, of: azure.sandbox) }
        #expect(deletion?.code == .foreign)
        #expect(azure.calls.count { $0.hasPrefix("DELETE") } == deletions)
    }

    @Test("asks Azure again when it is called again after a temporary failure")
    func again() async throws {
        let azure = try Fixture()
        azure.arm.on(
            "PUT", Fixture.vm, .refusal(400, "SubnetIsFull"), .json(201, Fixture.machine(), [Fixture.running]))
        azure.arm.on("GET", Fixture.nic, .refusal(404, "ResourceNotFound"), Fixture.hasAddress)
        #expect(await azure.failure { _ = try await azure.create() }?.advice == .retry(after: .seconds(60)))
        #expect(try await azure.create() == ["10.0.0.4"])
    }

    @Test("deletes the resources of an earlier process's failed try, and creates the VM again")
    func remains() async throws {
        let azure = try Fixture()
        azure.arm.on(
            "PUT", Fixture.vm, .refusal(412, "PreconditionFailed"), .json(201, Fixture.machine(), [Fixture.running]))
        azure.arm.on(
            "GET", Fixture.vm, .json(200, Fixture.machine("Failed")), .refusal(404, "ResourceNotFound"))
        azure.arm.on("DELETE", Fixture.vm, .empty(204))
        azure.address(.refusal(404, "ResourceNotFound"), Fixture.hasAddress)
        #expect(try await azure.create() == ["10.0.0.4"])
        #expect(azure.calls.filter { $0.hasPrefix("DELETE") } == ["DELETE \(Self.name)"])
    }

    @Test("stops waiting for the address at once when the operation fails, and tries another size")
    func operationFails() async throws {
        let azure = try Fixture { $0.instanceSizes = ["Standard_EC2es_v6"] }
        azure.accept()
        azure.arm.on(
            "GET", Fixture.operation, Fixture.status("Failed", "AllocationFailed"), Fixture.status("InProgress"))
        azure.arm.on("DELETE", Fixture.vm, .empty(204))
        // Until it is asked for the second time there is no interface.
        let missing = ScriptedARM.Reply.refusal(404, "ResourceNotFound")
        azure.arm.on(
            "GET", Fixture.nic, missing, missing, missing, missing, missing, missing, missing, missing, missing,
            missing,
            missing, missing, Fixture.hasAddress)
        azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine()))
        #expect(try await azure.create() == ["10.0.0.4"])
        #expect(azure.places == ["Standard_DC2es_v6", "Standard_EC2es_v6"])
        // The next pod does not try what has just failed.
        azure.arm.on("PUT", "/virtualMachines/podvm-other-1", .json(201, Fixture.machine(), [Fixture.running]))
        azure.arm.on("GET", "/networkInterfaces/podvm-other-1-net", Fixture.hasAddress)
        var spec = azure.spec
        spec.name = InstanceID(rawValue: "podvm-other-1")
        _ = try await azure.provider.createInstance(for: azure.sandbox, from: spec).instance()
        #expect(azure.places.last == "Standard_EC2es_v6")
    }

    @Test("warns when a VM has another TEE than the preferred size, and names the TEE in the log and in a tag")
    func otherTEE() async throws {
        func warnings(_ azure: Fixture) -> [String] { azure.log.filter { $0.contains("another TEE") } }
        let azure = try Fixture { $0.instanceSizes = ["Standard_DC2as_v5"] }
        azure.arm.on(
            "PUT", Fixture.vm, .refusal(409, "SkuNotAvailable"), .json(201, Fixture.machine(), [Fixture.running]))
        azure.address(.refusal(404, "ResourceNotFound"), Fixture.hasAddress)
        _ = try await azure.create()
        #expect(azure.places == ["Standard_DC2es_v6", "Standard_DC2as_v5"])
        #expect(azure.bodies.map { $0["tags"]?["peerpods-tee"] } == ["tdx", "snp"])
        #expect(warnings(azure).count == 1)
        for words in [#""level":"warning""#, #""tee":"snp""#, #""preferredTEE":"tdx""#, "Standard_DC2as_v5"] {
            #expect(warnings(azure).first?.contains(words) == true, "\(words)")
        }
        #expect(
            azure.log.contains { $0.contains("Azure accepted the request for the VM") && $0.contains(#""tee":"snp""#) })
        // The next pod begins with the fallback, as the preferred size is avoided for a while.
        _ = try await azure.create()
        #expect(warnings(azure).count == 2)

        let same = try Fixture { $0.instanceSizes = ["Standard_EC2es_v6"] }
        same.arm.on(
            "PUT", Fixture.vm, .refusal(409, "SkuNotAvailable"), .json(201, Fixture.machine(), [Fixture.running]))
        same.address(.refusal(404, "ResourceNotFound"), Fixture.hasAddress)
        _ = try await same.create()
        #expect(same.places == ["Standard_DC2es_v6", "Standard_EC2es_v6"])
        #expect(warnings(same).isEmpty)
    }

    @Test("reports for each try what failed, with ARM's code, message and request id")
    func told() async throws {
        let azure = try Fixture { $0.zones = ["1", "2"] }
        azure.arm.on(
            "PUT", Fixture.vm, .refusal(409, "SkuNotAvailable", "none in 1", [("x-ms-request-id", "r1")]),
            .refusal(409, "SkuNotAvailable", "none in 2", [("x-ms-request-id", "r2")]))
        let error = try #require(await azure.failure { _ = try await azure.create() })
        #expect(error.code == .outOfCapacity)
        for words in [
            "Standard_DC2es_v6 in zone 1: HTTP 409: SkuNotAvailable: none in 1 (request id r1",
            "Standard_DC2es_v6 in zone 2: HTTP 409: SkuNotAvailable: none in 2 (request id r2",
        ] { #expect(error.detail.contains(words)) }
        #expect(azure.places == ["Standard_DC2es_v6/1", "Standard_DC2es_v6/2"])
    }

    @Test("gives up when Azure reports success but the VM does not exist, or never gets an address")
    func odd() async throws {
        let gone = try Fixture()
        gone.accept()
        gone.arm.on("GET", Fixture.operation, Fixture.status("Succeeded"))
        let lost = await gone.failure { _ = try await gone.create() }
        #expect(lost?.code == .operationFailed && lost?.detail.contains("the VM does not exist") == true)

        let mute = try Fixture()
        mute.accept()
        mute.arm.on("GET", Fixture.operation, Fixture.status("Succeeded"))
        mute.arm.on("GET", Fixture.vm, .json(200, Fixture.machine("Succeeded", nic: Self.name + "-net")))
        mute.arm.on("DELETE", Fixture.vm, .empty(204))
        mute.address(.json(200, Fixture.interface(nil)))
        let silent = await mute.failure { _ = try await mute.create() }
        #expect(silent?.detail.contains("has no address") == true)
    }

    @Test("waits for a limited time while Azure is unreachable")
    func transportError() async throws {
        let azure = try Fixture()
        azure.accept()
        let transportError = ScriptedARM.Reply.unreachable
        azure.arm.on(
            "GET", Fixture.nic, transportError, transportError, transportError, transportError, transportError,
            transportError, transportError, Fixture.hasAddress)
        #expect(try await azure.create() == ["10.0.0.4"])

        let dead = try Fixture()
        dead.accept()
        dead.arm.on("GET", Fixture.nic, transportError)
        #expect(await dead.failure { _ = try await dead.create() }?.code == .unreachable)
        #expect(dead.clock.slept > AddressWait.patienceWithSilence)
    }

    @Test("uses the state of the VM when its operation does not exist any more")
    func vanished() async throws {
        let azure = try Fixture()
        azure.accept()
        azure.arm.on("GET", Fixture.operation, .refusal(404, "NotFound"))
        azure.arm.on("GET", Fixture.vm, .json(200, Fixture.machine("Failed")))
        let error = await azure.failure { _ = try await azure.create() }
        #expect(error?.detail.contains("provisioning state is Failed") == true)
    }

    @Test("refuses invalid tags, images, names and sizes before it sends a request")
    func refused() async throws {
        let azure = try Fixture()
        func detail(_ change: (inout InstanceSpec) -> Void) async -> String {
            var spec = azure.spec
            change(&spec)
            let changed = spec
            return await azure.failure {
                _ = try await azure.provider.createInstance(for: azure.sandbox, from: changed).instance()
            }?.detail ?? ""
        }
        #expect(await detail { $0.tags["a/b"] = "" }.contains("Azure allows none of"))
        #expect(await detail { $0.requirements.image = "ubuntu" }.contains("is not an ARM id of an image"))
        #expect(await detail { $0.name = InstanceID(rawValue: "../x") }.contains("has only a-z, 0-9 and -"))
        #expect(await detail { $0.requirements.machineType = "Standard_X" }.contains("requested instance type"))
        #expect(azure.bodies.isEmpty)
    }

    @Test("uses the names of sizes when the list of sizes cannot be read, except where sizes must be compared")
    func withoutSizes() async throws {
        let azure = try Fixture(nil)
        azure.accept()
        azure.address(Fixture.hasAddress)
        #expect(try await azure.create() == ["10.0.0.4"])
        let refusal = await azure.failure { _ = try await azure.create(Requirements(vcpus: 4)) }
        #expect(refusal?.code == .unauthorized && refusal?.detail.contains("AuthorizationFailed") == true)
    }

    @Test("sends nothing after it was cancelled, at any step")
    func cancelled() async throws {
        for path in [Fixture.vm, Fixture.nic] {
            let azure = try Fixture()
            azure.accept()
            azure.arm.on(path == Fixture.vm ? "PUT" : "GET", path, .hang)
            let work = Task { await azure.failure { _ = try await azure.create() } }
            let call =
                (path == Fixture.vm ? "PUT " : "GET ")
                + "/subscriptions/\(Example.options.subscriptionID)/resourceGroups/pods/providers/"
                + (path == Fixture.vm ? "Microsoft.Compute" : "Microsoft.Network") + path
            await azure.arm.arrivals.reached(call)
            work.cancel()
            #expect(await work.value?.code == .cancelled)
            let count = azure.arm.requests.count
            await Task.yield()
            #expect(azure.arm.requests.count == count)
        }
    }

    @Test("is not started with options that cannot work, and the error lists all of them")
    func options() {
        var options = AzureOptions()
        options.region = "eastus"
        do {
            _ = try AzureProvider(
                options, sender: ScriptedARM(), sshPublicKey: "", clock: InstantClock())
            Issue.record("it was begun")
        } catch {
            #expect(error.code == .rejected)
            for flag in ["-subscriptionid", "-resourcegroup", "-subnetid", "-imageid"] {
                #expect(error.detail.contains(flag))
            }
        }
    }
}
