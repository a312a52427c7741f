internal import PodVMLifecycle

/// ARM's codes, in lower case, and what helps against each.
extension Remedy {
    /// Azure has none left, there.
    static func capacity(_ code: String) -> Remedy? {
        switch code {
        case "allocationfailed", "overconstrainedallocationrequest":
            Remedy(.anotherSize(avoid: noCapacity), .outOfCapacity, pause: .seconds(60))
        case "zonalallocationfailed":
            Remedy(.anotherZone(avoid: noCapacity), .outOfCapacity, pause: .seconds(60))
        case "overconstrainedzonalallocationrequest":
            Remedy(.anotherZone(avoid: contention), .outOfCapacity, pause: .seconds(60))
        case "skunotavailable":
            Remedy(.anotherZone(avoid: notOffered), .outOfCapacity, pause: .seconds(60))
        case "subnetisfull", "insufficientsubnetsize":
            Remedy(
                .later, .outOfCapacity, pause: .seconds(60),
                hint: "The subnet has no free address: enlarge it, or configure another one with -subnetid.")
        default: nil
        }
    }

    /// The account may have no more.
    static func quota(_ code: String, _ words: String) -> Remedy? {
        switch code {
        case "publicipcountlimitreached":
            return Remedy(
                .later, .quotaExceeded, pause: .seconds(60),
                hint: "The quota of public addresses is used up: raise it, or do without -use-public-ip.")
        case "operationnotallowed", "quotaexceeded", "resourcequotaexceeded":
            guard code != "operationnotallowed" || words.contains("quota") else { return nil }
            let isNone = words.contains("current limit: 0,") || words.contains("current limit: 0.")
            if words.contains("total regional cores") {
                return isNone
                    ? Remedy(.nothing, .quotaExceeded) : Remedy(.later, .quotaExceeded, pause: .seconds(60))
            }
            return Remedy(
                .anotherFamily(family(in: words), avoid: isNone ? notOffered : noQuota), .quotaExceeded,
                pause: .seconds(60),
                hint: isNone ? "None of these cores are granted to the subscription: ask Azure for some." : "")
        default: return nil
        }
    }

    /// `standarddcev6family` of "exceeding approved standardDCEV6Family Cores quota".
    private static func family(in words: String) -> String? {
        words.split(separator: " ").map(String.init).first { $0.hasSuffix("family") }
    }

    /// The request, or what it refers to, is not as it must be.
    static func configuration(_ code: String, _ words: String) -> Remedy? {
        switch code {
        case "invalidparameter" where words.contains("not available in the current region"):
            Remedy(.anotherSize(avoid: notOffered), .rejected)
        case "badrequest" where words.contains("not supported for creation of vms"):
            Remedy(.anotherSize(avoid: notOffered), .rejected, hint: "The size is not for this kind of VM.")
        case "badrequest", "invalidparameter", "invalidrequestcontent", "invalidrequestformat",
            "invalidapiversionparameter",
            "missingapiversionparameter", "propertychangenotallowed", "conflictinguserinput",
            "requestdisallowedbypolicy":
            Remedy(.nothing, .rejected)
        case "galleryimagenotfound", "imagenotfound", "platformimagenotfound":
            Remedy(
                .nothing, .rejected,
                hint:
                    "Check that the image (-imageid, or the pod's annotation) exists, and is replicated to the region.")
        case "resourcenotfound", "invalidresourcereference", "notfound":
            Remedy(
                .nothing, .rejected,
                hint: "Something that the VM refers to does not exist: check -subnetid, -securitygroupid, -imageid and "
                    + "-user-assigned-identities.")
        case "resourcegroupnotfound":
            Remedy(.nothing, .rejected, hint: "Create the resource group, or correct -resourcegroup.")
        case "subscriptionnotfound":
            Remedy(.nothing, .rejected, hint: "Check -subscriptionid, and that -tenantid is its tenant.")
        case "missingsubscriptionregistration", "noregisteredproviderfound":
            Remedy(
                .nothing, .rejected,
                hint:
                    "Register the provider: az provider register --namespace Microsoft.Compute (and Microsoft.Network)."
            )
        case "linkedauthorizationfailed":
            Remedy(
                .nothing, .unauthorized,
                hint:
                    "Its role lacks a right on what the VM refers to: join on the subnet and the security group, read on "
                    + "the image, assign on the identities.")
        case "authorizationfailed": Remedy(.nothing, .unauthorized)
        case "invalidauthenticationtoken", "expiredauthenticationtoken", "authenticationfailed":
            Remedy(.later, .unauthorized)
        default: nil
        }
    }

    /// What passes by itself.
    static func passing(_ code: String, _ words: String, _ error: ARMError) -> Remedy? {
        switch code {
        case "toomanyrequests", "subscriptionrequeststhrottled":
            Remedy(.later, .throttled, pause: error.retryAfter ?? .seconds(30))
        case "conflict" where words.contains("resiz"): Remedy(.nothing, .operationFailed)
        case "conflict", "anotheroperationinprogress", "retryableerrorduetoanotheroperation", "operationnotallowed",
            "attachdiskwhilebeingdetached", "preconditionfailed":
            Remedy(.later, .operationFailed, pause: error.retryAfter ?? .seconds(15))
        case "nicreservedforanothervm":
            // Azure keeps an interface for the VM that it was made for, for three minutes.
            Remedy(.later, .operationFailed, pause: error.retryAfter ?? .seconds(180))
        case "operationpreempted", "canceledandsupersededduetoanotheroperation", "osprovisioningtimedout",
            "vmstarttimedout", "vmagentstatuscommunicationerror", "osprovisioninginternalerror",
            "osprovisioningclienterror":
            Remedy(.again, .operationFailed)
        case "retryableerror", "internalexecutionerror", "internalservererror", "internaloperationerror",
            "networkinginternaloperationerror", "serviceunavailable":
            // What ARM says at once has been tried again already, by the client.
            error.kind == .operationFailed
                ? Remedy(.again, .operationFailed) : Remedy(.anotherZone(avoid: fault), .operationFailed)
        default: nil
        }
    }
}
