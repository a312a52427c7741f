import PodVMLifecycle
import Testing

@testable import AzureProvider

/// Every row of what Azure says when it does not make a VM, and what we make of it.
@Suite("What helps against an error of Azure's")
struct RemedyTests {
    struct Row: CustomTestStringConvertible {
        let kind: ARMError.Kind
        let code: String
        var message = "."
        let remedy: Remedy.Help
        let told: ProviderError.Code
        var isHopeless = false

        var testDescription: String { "\(code) \(message.prefix(40))" }
    }

    private static let quota = "Operation could not be completed as it results in exceeding approved "
    private static let limits = " Cores quota. Additional details - Current Limit: 100, Current Usage: 96."

    static let rows: [Row] = [
        Row(
            kind: .operationFailed, code: "AllocationFailed", remedy: .anotherSize(avoid: .seconds(3600)),
            told: .outOfCapacity),
        Row(
            kind: .operationFailed, code: "ZonalAllocationFailed", remedy: .anotherZone(avoid: .seconds(3600)),
            told: .outOfCapacity),
        Row(
            kind: .operationFailed, code: "OverconstrainedZonalAllocationRequest",
            remedy: .anotherZone(avoid: .seconds(600)),
            told: .outOfCapacity),
        Row(
            kind: .operationFailed, code: "OverconstrainedAllocationRequest",
            remedy: .anotherSize(avoid: .seconds(3600)),
            told: .outOfCapacity),
        Row(
            kind: .refused(status: 409), code: "SkuNotAvailable", remedy: .anotherZone(avoid: .seconds(23 * 3600)),
            told: .outOfCapacity),
        Row(
            kind: .refused(status: 409), code: "OperationNotAllowed", message: quota + "standardDCEV6Family" + limits,
            remedy: .anotherFamily("standarddcev6family", avoid: .seconds(300)), told: .quotaExceeded),
        Row(
            kind: .refused(status: 409), code: "OperationNotAllowed",
            message: quota
                + "standardDCEV6Family Cores quota. Additional details - Current Limit: 0, Current Usage: 0.",
            remedy: .anotherFamily("standarddcev6family", avoid: .seconds(23 * 3600)), told: .quotaExceeded),
        Row(
            kind: .refused(status: 409), code: "OperationNotAllowed", message: quota + "Total Regional" + limits,
            remedy: .later, told: .quotaExceeded),
        Row(
            kind: .refused(status: 409), code: "QuotaExceeded", remedy: .anotherFamily(nil, avoid: .seconds(300)),
            told: .quotaExceeded),
        Row(kind: .refused(status: 400), code: "BadRequest", remedy: .nothing, told: .rejected, isHopeless: true),
        Row(
            kind: .refused(status: 400), code: "BadRequest",
            message:
                "The VM size 'Standard_D2as_v5' is not supported for creation of VMs and Virtual Machine Scale Set with "
                + "'ConfidentialVM' security type",
            remedy: .anotherSize(avoid: .seconds(23 * 3600)), told: .rejected),
        Row(kind: .refused(status: 400), code: "InvalidParameter", remedy: .nothing, told: .rejected, isHopeless: true),
        Row(
            kind: .refused(status: 400), code: "InvalidParameter",
            message: "The requested VM size Standard_DC9es_v6 is not available in the current region.",
            remedy: .anotherSize(avoid: .seconds(23 * 3600)), told: .rejected),
        Row(
            kind: .refused(status: 400), code: "InvalidRequestContent", remedy: .nothing, told: .rejected,
            isHopeless: true),
        Row(
            kind: .refused(status: 404), code: "GalleryImageNotFound", remedy: .nothing, told: .rejected,
            isHopeless: true),
        Row(kind: .refused(status: 404), code: "ImageNotFound", remedy: .nothing, told: .rejected, isHopeless: true),
        Row(
            kind: .refused(status: 404), code: "PlatformImageNotFound", remedy: .nothing, told: .rejected,
            isHopeless: true),
        Row(kind: .refused(status: 404), code: "ResourceNotFound", remedy: .nothing, told: .rejected, isHopeless: true),
        Row(
            kind: .refused(status: 400), code: "InvalidResourceReference", remedy: .nothing, told: .rejected,
            isHopeless: true),
        Row(
            kind: .refused(status: 404), code: "ResourceGroupNotFound", remedy: .nothing, told: .rejected,
            isHopeless: true),
        Row(
            kind: .refused(status: 404), code: "SubscriptionNotFound", remedy: .nothing, told: .rejected,
            isHopeless: true),
        Row(
            kind: .refused(status: 403), code: "AuthorizationFailed", remedy: .nothing, told: .unauthorized,
            isHopeless: true),
        Row(
            kind: .refused(status: 403), code: "LinkedAuthorizationFailed", remedy: .nothing, told: .unauthorized,
            isHopeless: true),
        Row(
            kind: .refused(status: 403), code: "RequestDisallowedByPolicy", remedy: .nothing, told: .rejected,
            isHopeless: true),
        Row(kind: .refused(status: 401), code: "InvalidAuthenticationToken", remedy: .later, told: .unauthorized),
        Row(kind: .refused(status: 401), code: "ExpiredAuthenticationToken", remedy: .later, told: .unauthorized),
        Row(
            kind: .refused(status: 409), code: "PropertyChangeNotAllowed", remedy: .nothing, told: .rejected,
            isHopeless: true),
        Row(kind: .refused(status: 409), code: "Conflict", remedy: .later, told: .operationFailed),
        Row(
            kind: .refused(status: 409), code: "Conflict", message: "Disk resizing is not allowed", remedy: .nothing,
            told: .operationFailed, isHopeless: true),
        Row(kind: .refused(status: 429), code: "AnotherOperationInProgress", remedy: .later, told: .throttled),
        Row(
            kind: .refused(status: 409), code: "OperationNotAllowed",
            message: "Operation 'x' is not allowed since another operation is in progress.", remedy: .later,
            told: .operationFailed),
        Row(kind: .operationFailed, code: "ConflictingUserInput", remedy: .nothing, told: .rejected, isHopeless: true),
        Row(kind: .refused(status: 409), code: "AttachDiskWhileBeingDetached", remedy: .later, told: .operationFailed),
        Row(kind: .refused(status: 400), code: "SubnetIsFull", remedy: .later, told: .outOfCapacity),
        Row(kind: .operationFailed, code: "InsufficientSubnetSize", remedy: .later, told: .outOfCapacity),
        Row(kind: .refused(status: 400), code: "PublicIPCountLimitReached", remedy: .later, told: .quotaExceeded),
        Row(
            kind: .refused(status: 409), code: "MissingSubscriptionRegistration", remedy: .nothing, told: .rejected,
            isHopeless: true),
        Row(
            kind: .refused(status: 400), code: "NoRegisteredProviderFound", remedy: .nothing, told: .rejected,
            isHopeless: true),
        Row(
            kind: .refused(status: 400), code: "InvalidApiVersionParameter", remedy: .nothing, told: .rejected,
            isHopeless: true),
        Row(kind: .operationFailed, code: "OSProvisioningTimedOut", remedy: .again, told: .operationFailed),
        Row(kind: .operationFailed, code: "VMStartTimedOut", remedy: .again, told: .operationFailed),
        Row(kind: .operationFailed, code: "VMAgentStatusCommunicationError", remedy: .again, told: .operationFailed),
        Row(kind: .refused(status: 429), code: "TooManyRequests", remedy: .later, told: .throttled),
        Row(kind: .operationFailed, code: "OperationPreempted", remedy: .again, told: .operationFailed),
        Row(
            kind: .operationFailed, code: "CanceledAndSupersededDueToAnotherOperation", remedy: .again,
            told: .operationFailed),
        Row(kind: .operationFailed, code: "InternalExecutionError", remedy: .again, told: .operationFailed),
        Row(
            kind: .refused(status: 500), code: "InternalServerError", remedy: .anotherZone(avoid: .seconds(300)),
            told: .operationFailed),
        Row(kind: .operationFailed, code: "NetworkingInternalOperationError", remedy: .again, told: .operationFailed),
        Row(kind: .refused(status: 409), code: "NicReservedForAnotherVm", remedy: .later, told: .operationFailed),
        Row(kind: .refused(status: 503), code: "", remedy: .later, told: .unreachable),
        Row(kind: .refused(status: 418), code: "Teapot", remedy: .nothing, told: .rejected, isHopeless: true),
        Row(kind: .operationFailed, code: "SomethingNew", remedy: .again, told: .operationFailed),
        Row(kind: .unanswered, code: "", remedy: .later, told: .unreachable),
        Row(kind: .notSent, code: "", remedy: .later, told: .unreachable),
        Row(kind: .malformed, code: "", remedy: .later, told: .unreachable),
        Row(kind: .credential, code: "", remedy: .later, told: .unauthorized),
        Row(kind: .cancelled, code: "", remedy: .later, told: .cancelled),
    ]

    @Test("is in the table", arguments: rows)
    func table(_ row: Row) {
        let remedy = Remedy(ARMError(row.kind, during: "PUT virtualMachines/x", code: row.code, row.message))
        #expect(remedy.help == row.remedy)
        #expect(remedy.code == row.told)
        #expect((remedy.advice == .giveUp) == row.isHopeless)
    }

    @Test("is told by the root cause where there is one")
    func innermost() {
        var error = ARMError(.operationFailed, during: "x", code: "VMExtensionProvisioningError", "")
        error.innermost = ("ZonalAllocationFailed", "no room")
        #expect(Remedy(error).help == .anotherZone(avoid: .seconds(3600)))
    }

    @Test("includes as much patience as Azure asks for")
    func patience() {
        var error = ARMError(.refused(status: 429), during: "x", "")
        error.retryAfter = .seconds(77)
        #expect(Remedy(error).advice == .retry(after: .seconds(77)))
    }
}
