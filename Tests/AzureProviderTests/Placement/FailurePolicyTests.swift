import PodVMLifecycle
import Testing

@testable import AzureProvider

/// Every row of what Azure says when it does not make a VM, and what we make of it.
@Suite("Handling of Azure's errors")
struct FailurePolicyTests {
    struct Row: CustomTestStringConvertible {
        let kind: ARMError.Kind
        let code: String
        var message = "."
        let fallback: FailurePolicy.Fallback
        let told: ProviderError.Code
        var isHopeless = false

        var testDescription: String { "\(code) \(message.prefix(40))" }
    }

    private static let quota = "Operation could not be completed as it results in exceeding approved "
    private static let limits = " Cores quota. Additional details - Current Limit: 100, Current Usage: 96."

    static let rows: [Row] = [
        Row(
            kind: .operationFailed, code: "AllocationFailed", fallback: .anotherSize(avoid: .seconds(3600)),
            told: .outOfCapacity),
        Row(
            kind: .operationFailed, code: "ZonalAllocationFailed", fallback: .anotherZone(avoid: .seconds(3600)),
            told: .outOfCapacity),
        Row(
            kind: .operationFailed, code: "OverconstrainedZonalAllocationRequest",
            fallback: .anotherZone(avoid: .seconds(600)),
            told: .outOfCapacity),
        Row(
            kind: .operationFailed, code: "OverconstrainedAllocationRequest",
            fallback: .anotherSize(avoid: .seconds(3600)),
            told: .outOfCapacity),
        Row(
            kind: .refused(status: 409), code: "SkuNotAvailable", fallback: .anotherZone(avoid: .seconds(23 * 3600)),
            told: .outOfCapacity),
        Row(
            kind: .refused(status: 409), code: "OperationNotAllowed", message: quota + "standardDCEV6Family" + limits,
            fallback: .anotherFamily("standarddcev6family", avoid: .seconds(300)), told: .quotaExceeded),
        Row(
            kind: .refused(status: 409), code: "OperationNotAllowed",
            message: quota
                + "standardDCEV6Family Cores quota. Additional details - Current Limit: 0, Current Usage: 0.",
            fallback: .anotherFamily("standarddcev6family", avoid: .seconds(23 * 3600)), told: .quotaExceeded),
        Row(
            kind: .refused(status: 409), code: "OperationNotAllowed", message: quota + "Total Regional" + limits,
            fallback: .later, told: .quotaExceeded),
        Row(
            kind: .refused(status: 409), code: "QuotaExceeded", fallback: .anotherFamily(nil, avoid: .seconds(300)),
            told: .quotaExceeded),
        Row(kind: .refused(status: 400), code: "BadRequest", fallback: .nothing, told: .rejected, isHopeless: true),
        Row(
            kind: .refused(status: 400), code: "BadRequest",
            message:
                "The VM size 'Standard_D2as_v5' is not supported for creation of VMs and Virtual Machine Scale Set with "
                + "'ConfidentialVM' security type",
            fallback: .anotherSize(avoid: .seconds(23 * 3600)), told: .rejected),
        Row(
            kind: .refused(status: 400), code: "InvalidParameter", fallback: .nothing, told: .rejected, isHopeless: true
        ),
        Row(
            kind: .refused(status: 400), code: "InvalidParameter",
            message: "The requested VM size Standard_DC9es_v6 is not available in the current region.",
            fallback: .anotherSize(avoid: .seconds(23 * 3600)), told: .rejected),
        Row(
            kind: .refused(status: 400), code: "InvalidRequestContent", fallback: .nothing, told: .rejected,
            isHopeless: true),
        Row(
            kind: .refused(status: 404), code: "GalleryImageNotFound", fallback: .nothing, told: .rejected,
            isHopeless: true),
        Row(kind: .refused(status: 404), code: "ImageNotFound", fallback: .nothing, told: .rejected, isHopeless: true),
        Row(
            kind: .refused(status: 404), code: "PlatformImageNotFound", fallback: .nothing, told: .rejected,
            isHopeless: true),
        Row(
            kind: .refused(status: 404), code: "ResourceNotFound", fallback: .nothing, told: .rejected, isHopeless: true
        ),
        Row(
            kind: .refused(status: 400), code: "InvalidResourceReference", fallback: .nothing, told: .rejected,
            isHopeless: true),
        Row(
            kind: .refused(status: 404), code: "ResourceGroupNotFound", fallback: .nothing, told: .rejected,
            isHopeless: true),
        Row(
            kind: .refused(status: 404), code: "SubscriptionNotFound", fallback: .nothing, told: .rejected,
            isHopeless: true),
        Row(
            kind: .refused(status: 403), code: "AuthorizationFailed", fallback: .nothing, told: .unauthorized,
            isHopeless: true),
        Row(
            kind: .refused(status: 403), code: "LinkedAuthorizationFailed", fallback: .nothing, told: .unauthorized,
            isHopeless: true),
        Row(
            kind: .refused(status: 403), code: "RequestDisallowedByPolicy", fallback: .nothing, told: .rejected,
            isHopeless: true),
        Row(kind: .refused(status: 401), code: "InvalidAuthenticationToken", fallback: .later, told: .unauthorized),
        Row(kind: .refused(status: 401), code: "ExpiredAuthenticationToken", fallback: .later, told: .unauthorized),
        Row(
            kind: .refused(status: 409), code: "PropertyChangeNotAllowed", fallback: .nothing, told: .rejected,
            isHopeless: true),
        Row(kind: .refused(status: 409), code: "Conflict", fallback: .later, told: .operationFailed),
        Row(
            kind: .refused(status: 409), code: "Conflict", message: "Disk resizing is not allowed", fallback: .nothing,
            told: .operationFailed, isHopeless: true),
        Row(kind: .refused(status: 429), code: "AnotherOperationInProgress", fallback: .later, told: .throttled),
        Row(
            kind: .refused(status: 409), code: "OperationNotAllowed",
            message: "Operation 'x' is not allowed since another operation is in progress.", fallback: .later,
            told: .operationFailed),
        Row(
            kind: .operationFailed, code: "ConflictingUserInput", fallback: .nothing, told: .rejected, isHopeless: true),
        Row(
            kind: .refused(status: 409), code: "AttachDiskWhileBeingDetached", fallback: .later, told: .operationFailed),
        Row(kind: .refused(status: 400), code: "SubnetIsFull", fallback: .later, told: .outOfCapacity),
        Row(kind: .operationFailed, code: "InsufficientSubnetSize", fallback: .later, told: .outOfCapacity),
        Row(kind: .refused(status: 400), code: "PublicIPCountLimitReached", fallback: .later, told: .quotaExceeded),
        Row(
            kind: .refused(status: 409), code: "MissingSubscriptionRegistration", fallback: .nothing, told: .rejected,
            isHopeless: true),
        Row(
            kind: .refused(status: 400), code: "NoRegisteredProviderFound", fallback: .nothing, told: .rejected,
            isHopeless: true),
        Row(
            kind: .refused(status: 400), code: "InvalidApiVersionParameter", fallback: .nothing, told: .rejected,
            isHopeless: true),
        Row(kind: .operationFailed, code: "OSProvisioningTimedOut", fallback: .again, told: .operationFailed),
        Row(kind: .operationFailed, code: "VMStartTimedOut", fallback: .again, told: .operationFailed),
        Row(kind: .operationFailed, code: "VMAgentStatusCommunicationError", fallback: .again, told: .operationFailed),
        Row(kind: .refused(status: 429), code: "TooManyRequests", fallback: .later, told: .throttled),
        Row(kind: .operationFailed, code: "OperationPreempted", fallback: .again, told: .operationFailed),
        Row(
            kind: .operationFailed, code: "CanceledAndSupersededDueToAnotherOperation", fallback: .again,
            told: .operationFailed),
        Row(kind: .operationFailed, code: "InternalExecutionError", fallback: .again, told: .operationFailed),
        Row(
            kind: .refused(status: 500), code: "InternalServerError", fallback: .anotherZone(avoid: .seconds(300)),
            told: .operationFailed),
        Row(kind: .operationFailed, code: "NetworkingInternalOperationError", fallback: .again, told: .operationFailed),
        Row(kind: .refused(status: 409), code: "NicReservedForAnotherVm", fallback: .later, told: .operationFailed),
        Row(kind: .refused(status: 503), code: "", fallback: .later, told: .unreachable),
        Row(kind: .refused(status: 418), code: "Teapot", fallback: .nothing, told: .rejected, isHopeless: true),
        Row(kind: .operationFailed, code: "SomethingNew", fallback: .again, told: .operationFailed),
        Row(kind: .unanswered, code: "", fallback: .later, told: .unreachable),
        Row(kind: .notSent, code: "", fallback: .later, told: .unreachable),
        Row(kind: .malformed, code: "", fallback: .later, told: .unreachable),
        Row(kind: .credential, code: "", fallback: .later, told: .unauthorized),
        Row(kind: .cancelled, code: "", fallback: .later, told: .cancelled),
    ]

    @Test("follows the table", arguments: rows)
    func table(_ row: Row) {
        let policy = FailurePolicy(ARMError(row.kind, during: "PUT virtualMachines/x", code: row.code, row.message))
        #expect(policy.fallback == row.fallback)
        #expect(policy.code == row.told)
        #expect((policy.advice == .giveUp) == row.isHopeless)
    }

    @Test("uses the root cause of an error that has one")
    func innermost() {
        var error = ARMError(.operationFailed, during: "x", code: "VMExtensionProvisioningError", "")
        error.innermost = ("ZonalAllocationFailed", "no room")
        #expect(FailurePolicy(error).fallback == .anotherZone(avoid: .seconds(3600)))
    }

    @Test("waits as long as Azure asks")
    func patience() {
        var error = ARMError(.refused(status: 429), during: "x", "")
        error.retryAfter = .seconds(77)
        #expect(FailurePolicy(error).advice == .retry(after: .seconds(77)))
    }
}
