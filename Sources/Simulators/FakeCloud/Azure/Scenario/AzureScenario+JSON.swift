package import JSON

extension AzureScenario {
    /// Parses a scenario. Every member is optional, and unknown members are errors. Times are in seconds.
    ///
    ///     {"delays": {"accept": 1, "nic": 2, "boot": 12, "operation": 40, "delete": 5, "linger": 0, "update": 0,
    ///                 "provisioning-limit": 1200},
    ///      "faults": [{"at": "vm-put", "name": "podvm-*", "first": 2, "percent": 50, "do": "refuse",
    ///                  "status": 409, "code": "SkuNotAvailable", "message": "...", "retry-after": 3}],
    ///      "throttling": {"on": true, "time-scale": 60, "scaled-clients": false},
    ///      "capacity": [{"size": "Standard_DC2es_v6", "zone": "1", "machines": 0, "refusal": "allocation"}],
    ///      "restrictions": [{"size": "Standard_DC4es_v6", "zones": ["3"], "reason": "NotAvailableForSubscription"}],
    ///      "quota": {"cores": 100, "spot-cores": 0, "machines": 50, "cores-of-family": 100,
    ///                "families": {"standardDCEV6Family": 8}},
    ///      "image": {"regions": ["westeurope"], "here": false, "security": "ConfidentialVM"},
    ///      "subnet": {"prefix": "10.0.0.0/29", "used": 3, "outbound": "none"},
    ///      "permissions": ["Microsoft.Compute/*/read"], "open-ports": [15150],
    ///      "page-size": 2, "token-lifetime": 60, "retry-after": 1, "nic-suffix": true}
    ///
    /// The values of `do`, and the further members for each:
    ///
    ///     refuse (status, code, message)     drop-before    drop-after    hang    html (status)    truncate    garbage
    ///     delay (seconds)                    and of VMs:    fail (code, message)    no-vm    no-address
    ///     guest (guest, life)
    package init(parsing bytes: [UInt8]) throws(JSONError) {
        self.init()
        let root = try StrictJSONObject(
            JSONNode(JSONValue(parsing: bytes)),
            [
                "delays", "faults", "throttling", "capacity", "restrictions", "quota", "image", "subnet", "permissions",
                "open-ports", "page-size", "token-lifetime", "retry-after", "nic-suffix",
            ])
        try read(delaysOf: root)
        for fault in try root.objects("faults", AzureFault.keys) { faults.append(try AzureFault(fault)) }
        if let node = try root.object("throttling", ["on", "time-scale", "scaled-clients"]) {
            throttling.isOn = try node.node.optionalBool("on") ?? true
            throttling.timeScale = try node.node.optionalNumber("time-scale") ?? 1
            throttling.clientsAreScaled = try node.node.optionalBool("scaled-clients") ?? false
            guard 0.001...1e6 ~= throttling.timeScale else {
                throw node.refuse("time-scale", "must be from 0.001 to 1000000")
            }
        }
        for node in try root.objects("capacity", ["size", "zone", "machines", "refusal"]) {
            var rule = Capacity(
                size: try node.knownSize("size"), zone: try node.text("zone"),
                machines: try node.count("machines") ?? 0)
            rule.refusal = try node.word("refusal", Capacity.Refusal.self) ?? .allocation
            capacity.append(rule)
        }
        for node in try root.objects("restrictions", ["size", "zones", "reason"]) {
            var rule = Restriction(
                size: try node.knownSize("size"), zones: try node.node.optionalStrings("zones") ?? [])
            rule.reason = try node.text("reason") ?? rule.reason
            restrictions.append(rule)
        }
        try read(quotaOf: root)
        if let node = try root.object("image", ["regions", "here", "security"]) {
            image.regions = try node.node.optionalStrings("regions") ?? []
            image.isHere = try node.node.optionalBool("here") ?? true
            image.security = try node.text("security") ?? image.security
        }
        if let node = try root.object("subnet", ["prefix", "used", "outbound"]) {
            subnet.prefix = try node.text("prefix") ?? subnet.prefix
            subnet.used = try node.count("used") ?? 0
            subnet.outbound = try node.text("outbound") ?? subnet.outbound
            guard ["nat", "route", "default", "none"].contains(subnet.outbound) else {
                throw node.refuse("outbound", "must be one of nat, route, default, none")
            }
        }
        permissions = try root.node.optionalStrings("permissions") ?? permissions
        for port in try root.node.optionalArray("open-ports") ?? [] {
            guard let number = port.integerValue, 1...65535 ~= number else {
                throw root.refuse("open-ports", "must be numbers from 1 to 65535")
            }
            openPorts.append(Int(number))
        }
        pageSize = try root.count("page-size", in: 1...5000) ?? pageSize
        tokenLifetime = try root.seconds("token-lifetime") ?? tokenLifetime
        retryAfter = try root.count("retry-after", in: 0...3600) ?? retryAfter
        suffixesInterfaces = try root.node.optionalBool("nic-suffix") ?? false
    }

    private mutating func read(delaysOf root: StrictJSONObject) throws(JSONError) {
        let keys = ["accept", "nic", "boot", "operation", "delete", "linger", "update", "provisioning-limit"]
        guard let node = try root.object("delays", keys) else { return }
        delays.accept = try node.seconds("accept") ?? .zero
        delays.nic = try node.seconds("nic") ?? .zero
        delays.boot = try node.seconds("boot") ?? .zero
        delays.operation = try node.seconds("operation") ?? .zero
        delays.delete = try node.seconds("delete") ?? .zero
        delays.linger = try node.seconds("linger") ?? .zero
        delays.update = try node.seconds("update") ?? .zero
        delays.provisioningLimit = try node.seconds("provisioning-limit") ?? delays.provisioningLimit
    }

    private mutating func read(quotaOf root: StrictJSONObject) throws(JSONError) {
        let keys = ["cores", "spot-cores", "machines", "cores-of-family", "families"]
        guard let node = try root.object("quota", keys) else { return }
        quota.cores = try node.count("cores") ?? quota.cores
        quota.spotCores = try node.count("spot-cores") ?? quota.spotCores
        quota.machines = try node.count("machines") ?? quota.machines
        quota.coresOfFamily = try node.count("cores-of-family") ?? quota.coresOfFamily
        guard let families = try node.node.optionalObject("families") else { return }
        for (family, value) in families.members.entries {
            guard MachineSize.all.contains(where: { $0.family.lowercased() == family.lowercased() }) else {
                throw JSONError(path: families.path(of: family), "is not a family of a known size")
            }
            guard let limit = value.integerValue, 0...1_000_000 ~= limit else {
                throw JSONError(path: families.path(of: family), "must be a number of cores")
            }
            quota.families[family.lowercased()] = Int(limit)
        }
    }
}

extension StrictJSONObject {
    func knownSize(_ key: String) throws(JSONError) -> String {
        let name = try node.string(key)
        guard let size = MachineSize.named(name) else { throw refuse(key, "is no size that the fake Azure has") }
        return size.name
    }
}

extension AzureFault {
    static let keys = [
        "at", "name", "first", "percent", "do", "status", "code", "message", "retry-after", "seconds", "guest", "life",
    ]

    init(_ node: StrictJSONObject) throws(JSONError) {
        let call = try node.word("at", AzureCall.self)
        let status = try node.count("status", in: 100...599)
        let code = try node.text("code") ?? ""
        let message = try node.text("message") ?? "The scenario says so."
        let isOfMachine: Bool
        switch try node.text("do") ?? "refuse" {
        case "refuse":
            guard let status else { throw node.refuse("status", "is what a refusal needs, such as 409") }
            self.init(.refuse(status: status, code: code, message: message), at: call)
            isOfMachine = false
        case "drop-before": (self, isOfMachine) = (.init(.dropBefore, at: call), false)
        case "drop-after": (self, isOfMachine) = (.init(.dropAfter, at: call), false)
        case "hang": (self, isOfMachine) = (.init(.hang, at: call), false)
        case "html": (self, isOfMachine) = (.init(.html(status: status ?? 502), at: call), false)
        case "truncate": (self, isOfMachine) = (.init(.truncate, at: call), false)
        case "garbage": (self, isOfMachine) = (.init(.garbage, at: call), false)
        case "delay": (self, isOfMachine) = (.init(.delay(try node.seconds("seconds") ?? .seconds(1)), at: call), false)
        case "fail":
            guard !code.isEmpty else { throw node.refuse("code", "is what a failure needs, such as AllocationFailed") }
            (self, isOfMachine) = (.init(.fail(code: code, message: message), at: call), true)
        case "no-vm": (self, isOfMachine) = (.init(.nothing, at: call), true)
        case "no-address": (self, isOfMachine) = (.init(.noAddress, at: call), true)
        case "guest":
            guard let fault = try node.word("guest", GuestFault.self) else {
                throw node.refuse("guest", "is what goes wrong in the guest, such as never-boots")
            }
            let life = try node.seconds("life") ?? .seconds(5)
            (self, isOfMachine) = (.init(.guest(fault, life: life), at: call), true)
        default:
            throw node.refuse(
                "do",
                "must be one of refuse, drop-before, drop-after, hang, html, truncate, garbage, delay, fail, no-vm, "
                    + "no-address, guest")
        }
        if isOfMachine {
            guard call == nil || call == .machinePut else {
                throw node.refuse("at", "must be vm-put, or be left out, for what happens to a VM")
            }
            self.call = .machinePut
        }
        name = try node.text("name") ?? "*"
        first = try node.count("first") ?? 0
        percent = try node.node.optionalNumber("percent") ?? 100
        guard 0...100 ~= percent else { throw node.refuse("percent", "must be from 0 to 100") }
        retryAfter = try node.count("retry-after", in: 0...86400)
    }
}
