import HTTPTransport
import JSON
import LinuxIO
import Telemetry
import Testing

@testable import FakeCloud

private let vms = "Microsoft.Compute/virtualMachines"

@Suite("A fake Azure's scenario") struct AzureScenarioTests {
    @Test("is parsed completely")
    func whole() throws {
        let text = """
            {"delays": {"accept": 1, "nic": 2, "boot": 12, "operation": 40, "delete": 5},
             "faults": [{"at": "vm-put", "name": "podvm-*", "first": 2, "status": 409, "code": "X", "retry-after": 3},
                        {"at": "vm-get", "do": "drop-after", "percent": 12.5}, {"do": "guest", "guest": "no-agent"}],
             "throttling": {"on": true, "time-scale": 60, "scaled-clients": true},
             "page-size": 2, "token-lifetime": 60, "retry-after": 0, "nic-suffix": true, "open-ports": [22]}
            """
        let scenario = try AzureScenario(parsing: Array(text.utf8))
        #expect(scenario.delays.operation == .seconds(40))
        #expect(scenario.faults.count == 3)
        #expect(scenario.faults[0].action == .refuse(status: 409, code: "X", message: "The scenario says so."))
        #expect(scenario.faults[0].retryAfter == 3)
        #expect(scenario.faults[1].percent == 12.5)
        #expect(scenario.faults[2].call == .machinePut)
        #expect(scenario.throttling.timeScale == 60 && scenario.throttling.clientsAreScaled)
        #expect(try AzureScenario(parsing: Array("{}".utf8)) == AzureScenario())
    }

    @Test(
        "is refused when it contains something without effect, with the path",
        arguments: [
            (#"{"delay": {}}"#, "delay: is not known"), (#"{"delays": {"nick": 1}}"#, "delays.nick: is not known"),
            (#"{"faults": [{"at": "vm-putt", "status": 500}]}"#, "faults[0].at: must be one of"),
            (#"{"faults": [{"at": "vm-put"}]}"#, "faults[0].status: is what a refusal needs"),
            (#"{"faults": [{"do": "explode"}]}"#, "faults[0].do: must be one of"),
            (#"{"faults": [{"do": "fail", "code": "X", "at": "vm-get"}]}"#, "faults[0].at: must be vm-put"),
            (#"{"faults": [{"do": "guest", "guest": "sings"}]}"#, "faults[0].guest: must be one of"),
            (#"{"faults": [{"status": 500, "percent": 101}]}"#, "faults[0].percent: must be from 0 to 100"),
            (#"{"delays": {"accept": -1}}"#, "delays.accept: must be seconds"),
            (#"{"capacity": [{"size": "Standard_X"}]}"#, "capacity[0].size: is no size"),
            (#"{"quota": {"families": {"x": 1}}}"#, "quota.families.x: is not a family"),
            (#"{"throttling": {"time-scale": 0}}"#, "throttling.time-scale: must be"),
            (#"{"page-size": 0}"#, "page-size: must be from 1"), (#"{"open-ports": ["ssh"]}"#, "open-ports: must be"),
            ("[]", "expected an object"), ("{", "line 1"),
        ])
    func strict(text: String, message: String) {
        let error = #expect(throws: JSONError.self) { try AzureScenario(parsing: Array(text.utf8)) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test("cannot be set or read by a user of this machine without the account's secret")
    func strangers() async throws {
        try await AzureFixture.run { azure in
            let token = azure.token.withLock { $0 }
            let secret = azure.azure.account.clientSecret.reveal()
            for value in [
                "", "Bearer", "Bearer ", "Bearer \(token)", "Bearer \(secret)x", "Bearer \(secret.dropLast())",
                "Basic \(secret)", secret, "Bearer fake-azure-secret",
            ] {
                for (method, path) in [("GET", "state"), ("PUT", "scenario"), ("DELETE", "tokens"), ("GET", "nothing")]
                {
                    let answer = try await azure.send(
                        method, "/control/\(path)", headers: ["Authorization": value], body: Array("{}".utf8))
                    #expect(answer.status == 401, "\(method) \(path) with \(value.count) characters")
                    #expect(!answer.text.contains(secret))
                }
            }
            #expect(try await azure.arm("GET", vms).status == 200, "the tokens are still good")
        }
    }

    @Test("is set, read and removed with the control endpoint, and an invalid one changes nothing")
    func control() async throws {
        try await AzureFixture.run { azure in
            let text = #"{"faults": [{"at": "vm-list", "status": 503, "code": "ServerBusy", "first": 1}]}"#
            #expect(try await azure.send("PUT", "/control/scenario", body: Array(text.utf8)).status == 200)
            let wrong = try await azure.send("PUT", "/control/scenario", body: Array(#"{"x": 1}"#.utf8))
            #expect(wrong.status == 400)
            #expect(wrong.text.contains("x: is not known"))
            #expect(try await azure.send("GET", "/control/scenario").text == text)
            #expect(try await azure.arm("GET", vms).code == "ServerBusy")
            #expect(try await azure.arm("GET", vms).status == 200)
            #expect(try await azure.send("DELETE", "/control/scenario").status == 200)
            #expect(try await azure.send("DELETE", "/control/tokens").status == 200)
            #expect(try await azure.arm("GET", vms).code == "InvalidAuthenticationToken")
            #expect(try await azure.send("GET", "/control/nothing").status == 404)
        }
    }

    @Test("breaks answers before and after their effect")
    func broken() async throws {
        let scenario = """
            {"faults": [{"at": "vm-put", "name": "before", "do": "drop-before", "first": 1},
                        {"at": "vm-put", "name": "after", "do": "drop-after", "first": 1},
                        {"at": "vm-get", "name": "html", "do": "html"}, {"at": "vm-get", "name": "half", "do": "truncate"},
                        {"at": "vm-get", "name": "junk", "do": "garbage"},
                        {"at": "vm-get", "name": "slow", "do": "delay", "seconds": 0.001}]}
            """
        try await AzureFixture.run(scenario) { azure in
            for name in ["before", "after"] {
                await #expect(throws: HTTPError.self) {
                    try await azure.arm("PUT", "\(vms)/\(name)", body: azure.machine(name))
                }
            }
            #expect(try await azure.arm("GET", "\(vms)/before").status == 404)
            #expect(try await azure.arm("GET", "\(vms)/after").status == 200)
            let page = try await azure.arm("GET", "\(vms)/html")
            #expect(page.status == 502)
            #expect(page.text.hasPrefix("<html>"))
            #expect(try await azure.arm("GET", "\(vms)/half").json == .null)
            #expect(try await azure.arm("GET", "\(vms)/junk").json == .null)
            #expect(try await azure.arm("GET", "\(vms)/slow").status == 404)
        }
    }

    @Test("makes operations fail, VMs vanish and interfaces stay without an address")
    func fates() async throws {
        let scenario = """
            {"faults": [{"do": "fail", "name": "fails", "code": "ZonalAllocationFailed", "message": "No room."},
                        {"do": "no-vm", "name": "nothing"}, {"do": "no-address", "name": "mute"},
                        {"do": "guest", "guest": "provisioning", "name": "sick"},
                        {"at": "operation-get", "status": 404, "code": "NotFound", "first": 1}]}
            """
        try await AzureFixture.run(scenario) { azure in
            let put = try await azure.arm("PUT", "\(vms)/fails", body: azure.machine("fails"))
            let url = try #require(put.headers["Azure-AsyncOperation"])
            #expect(try await azure.arm("GET", url).code == "NotFound")
            #expect(try await azure.finish(put).at("error.message") == "No room.")
            #expect(try await azure.make("nothing")["status"] == "Succeeded")
            #expect(try await azure.arm("GET", "\(vms)/nothing").status == 404)
            #expect(try await azure.make("mute")["status"] == "Succeeded")
            let nic = try await azure.arm("GET", "Microsoft.Network/networkInterfaces/mute-net")
            #expect(nic.json.at("properties.ipConfigurations.0.properties.privateIPAddress") == nil)
            #expect(try await azure.make("sick").at("error.code") == "OSProvisioningInternalError")
        }
    }

    @Test("refusals have the format of the service that is called")
    func words() async throws {
        let scenario = """
            {"faults": [{"at": "token", "status": 503, "code": "temporarily_unavailable", "retry-after": 2, "first": 2},
                        {"at": "user-data", "status": 429, "message": "Too many"}]}
            """
        try await AzureFixture.run { azure in
            #expect(try await azure.send("PUT", "/control/scenario", body: Array(scenario.utf8)).status == 200)
            let token = try await azure.askToken()
            #expect(token.status == 503)
            #expect(token.json["error"] == "temporarily_unavailable")
            #expect(token.headers["Retry-After"] == "2")
            try await azure.make("web")
            let spec = try #require(azure.machines.spec("web"))
            let userData = try await azure.send("GET", spec.metadataEndpoint + "/metadata/instance/compute/userData")
            #expect(userData.status == 429)
            #expect(userData.json["error"] == "Too many")
        }
    }

    @Test("delays are counted from the request")
    func delays() async throws {
        let scenario = #"{"delays": {"accept": 0.02, "nic": 0.04, "boot": 0.25, "operation": 0.1, "delete": 0.02}}"#
        try await AzureFixture.run(scenario) { azure in
            let start = ContinuousClock.now
            let put = try await azure.arm("PUT", "\(vms)/web", body: azure.machine("web"))
            #expect(ContinuousClock.now - start >= .milliseconds(19))
            #expect(try await azure.finish(put)["status"] == "Succeeded")
            #expect(ContinuousClock.now - start >= .milliseconds(99))
            let delay = try #require(azure.machines.spec("web")?.bootDelay)
            #expect(delay <= .milliseconds(210) && delay > .zero)
        }
    }
}

@Suite("A fake Azure's limits") struct AzureThrottleTests {
    @Test("a bucket admits its capacity, and then its refill rate")
    func bucket() {
        var throttle = Throttle()
        func calls(_ number: Int, at now: Double) -> Int {
            (0..<number).count { _ in
                if case .admitted = throttle.admit(.machineGet, principal: "a", resource: "vm", at: now) {
                    true
                } else {
                    false
                }
            }
        }
        #expect(calls(100, at: 0) == 36)  // Of one VM: 36, and 12 a minute.
        #expect(calls(100, at: 5) == 1)
        #expect(calls(100, at: 3600) == 36)
    }

    @Test("ARM counts each principal's calls, and all of them together")
    func principals() {
        var throttle = Throttle()
        var admitted = 0
        for principal in 0..<30 {
            for call in 0..<250 {
                let verdict = throttle.admit(
                    .fixture, principal: "p\(principal)", resource: "r\(call)", at: 0)
                if case .admitted = verdict { admitted += 1 }
            }
        }
        #expect(admitted == 3750)
    }

    @Test("a refusal says when to retry, and headers say what is left")
    func headers() async throws {
        try await AzureFixture.run { azure in
            let first = try await azure.arm("GET", "\(vms)/web")
            #expect(first.headers["x-ms-ratelimit-remaining-subscription-reads"] == "249")
            #expect(first.headers["x-ms-ratelimit-remaining-subscription-global-reads"] == "3749")
            #expect(first.headers["x-ms-ratelimit-remaining-resource"]?.contains("GetVMResource;35") == true)
            var last = first
            for _ in 0..<40 { last = try await azure.arm("GET", "\(vms)/web") }
            #expect(last.status == 429)
            #expect(last.code == "OperationNotAllowed")
            #expect(last.json.at("error.details.0.code") == "TooManyRequests")
            #expect(last.headers["Retry-After"].flatMap { Int($0) }.map { 1...5 ~= $0 } == true)
            #expect(try await azure.send("GET", "/control/state").json["throttled"]?.integerValue ?? 0 > 0)
        }
    }
}
