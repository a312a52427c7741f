import Doubles
import HTTPTransport
import JSON
import LinuxIO
import PodVMLifecycle
import Testing

@testable import AzureProvider
@testable import FakeCloud

/// What a shim is told, and what Azure has afterwards, whatever Azure says: each row of what Azure's documentation and
/// others' experience have.
@Suite("When Azure does not create the VM")
struct NothingLeftTests {
    /// A code, where it is said, and what becomes of the pod.
    struct Row: Sendable {
        let code: String
        /// HTTP status of the answer to the PUT; nil: said by the operation, later.
        var status: Int?
        var message = "The scenario says so."
        /// What the shim is told; nil: the pod starts, elsewhere or at the next try.
        let told: LifecycleError.Code?
        /// A hint that the message must have.
        var hint = ""
        /// How many VMs are asked for.
        var tries = 1
        /// How many times Azure says so.
        var times = 0
    }

    private static let quota =
        "Operation could not be completed as it results in exceeding approved standardDCEV6Family Cores quota. Additional "
        + "details - Deployment Model: Resource Manager, Location: eastus, Current Limit: 100, Current Usage: 96, Additional "
        + "Required: 64."
    private static let regional =
        "Operation could not be completed as it results in exceeding approved Total Regional Cores quota. Current Limit: 100, "
        + "Current Usage: 99."

    /// Sizes: DC2es_v6 first, EC2es_v6 (of another family) second; zones 1 and 2.
    static let rows: [Row] = [
        Row(code: "AllocationFailed", told: .resourceExhausted, tries: 2),
        Row(code: "AllocationFailed", told: nil, tries: 2, times: 1),
        Row(code: "ZonalAllocationFailed", told: .resourceExhausted, tries: 4),
        Row(code: "ZonalAllocationFailed", told: nil, tries: 2, times: 1),
        Row(code: "OverconstrainedZonalAllocationRequest", told: nil, tries: 2, times: 1),
        Row(code: "OverconstrainedAllocationRequest", told: nil, tries: 2, times: 1),
        Row(code: "SkuNotAvailable", status: 409, told: .resourceExhausted, tries: 4),
        Row(code: "SkuNotAvailable", status: 409, told: nil, tries: 4, times: 3),
        Row(code: "OperationNotAllowed", status: 409, message: quota, told: nil, tries: 2, times: 1),
        Row(code: "OperationNotAllowed", status: 409, message: regional, told: .resourceExhausted),
        Row(code: "QuotaExceeded", status: 409, told: .resourceExhausted, tries: 2),
        Row(code: "BadRequest", status: 400, told: .invalidArgument),
        Row(code: "InvalidParameter", status: 400, told: .invalidArgument),
        Row(code: "InvalidRequestContent", status: 400, told: .invalidArgument),
        Row(code: "GalleryImageNotFound", status: 404, told: .invalidArgument, hint: "replicated to the region"),
        Row(code: "ImageNotFound", status: 404, told: .invalidArgument),
        Row(code: "ResourceNotFound", status: 404, told: .invalidArgument, hint: "-subnetid"),
        Row(code: "InvalidResourceReference", status: 400, told: .invalidArgument),
        Row(code: "ResourceGroupNotFound", status: 404, told: .invalidArgument, hint: "-resourcegroup"),
        Row(code: "AuthorizationFailed", status: 403, told: .failedPrecondition, hint: "the role"),
        Row(code: "LinkedAuthorizationFailed", status: 403, told: .failedPrecondition, hint: "join on the subnet"),
        Row(code: "RequestDisallowedByPolicy", status: 403, told: .invalidArgument),
        Row(code: "InvalidAuthenticationToken", status: 401, told: .failedPrecondition, tries: 2),
        Row(code: "InvalidAuthenticationToken", status: 401, told: nil, tries: 2, times: 1),
        Row(code: "PropertyChangeNotAllowed", status: 409, told: .invalidArgument),
        Row(code: "Conflict", status: 409, told: .internal),
        Row(code: "AnotherOperationInProgress", status: 409, told: nil, tries: 3, times: 2),
        Row(code: "ConflictingUserInput", told: .invalidArgument),
        Row(code: "SubnetIsFull", status: 400, told: .resourceExhausted, hint: "-subnetid"),
        Row(code: "PublicIPCountLimitReached", told: .resourceExhausted, hint: "-use-public-ip"),
        Row(code: "MissingSubscriptionRegistration", status: 409, told: .invalidArgument, hint: "az provider register"),
        Row(code: "InvalidApiVersionParameter", status: 400, told: .invalidArgument),
        Row(code: "OSProvisioningTimedOut", told: nil, tries: 2, times: 1),
        Row(code: "VMStartTimedOut", told: .internal, tries: 6),
        Row(code: "TooManyRequests", status: 429, told: nil, tries: 3, times: 2),
        Row(code: "OperationPreempted", told: nil, tries: 2, times: 1),
        Row(code: "InternalExecutionError", told: nil, tries: 3, times: 2),
        Row(code: "InternalServerError", status: 500, told: nil, tries: 4, times: 3),
        Row(code: "NetworkingInternalOperationError", told: nil, tries: 2, times: 1),
        Row(code: "ServiceUnavailable", status: 503, told: nil, tries: 3, times: 2),
        Row(code: "SomethingNew", told: .internal, tries: 6),
    ]

    /// The rows of a part are played one after the other, on one Azure.
    private static let parts = 4

    @Test(
        "the shim gets Azure's reason, or the pod runs in another placement, and nothing is left afterwards",
        arguments: 0..<parts)
    func rows(part: Int) async throws {
        try await NodeOnFakeAzure.run { azure, machines, client, loop in
            for (number, row) in Self.rows.enumerated() where number % Self.parts == part {
                try await Self.play(row, "\(number)", azure, machines, client, loop)
            }
        }
    }

    private static func play(
        _ row: Row, _ id: String, _ azure: FakeAzure, _ machines: RecordOnlyMachines, _ client: HTTPClient,
        _ loop: EpollLoop
    ) async throws {
        var fault = JSONObject([
            ("at", .string("vm-put")), ("code", .string(row.code)), ("message", .string(row.message)),
            ("first", .integer(Int64(row.times))), ("do", .string(row.status == nil ? "fail" : "refuse")),
        ])
        if let status = row.status { fault["status"] = .integer(Int64(status)) }
        if row.status == 429 { fault["retry-after"] = 2 }
        let scenario: JSONValue = ["faults": .array([.object(fault)]), "delays": ["nic": 0.002, "operation": 0.004]]
        let node = try NodeOnFakeAzure(
            azure, machines, client, loop, scenario: String(decoding: scenario.encoded(), as: UTF8.self)
        ) {
            $0.instanceSizes = ["Standard_DC2es_v6", "Standard_EC2es_v6"]
            $0.zones = ["1", "2"]
        }
        let comment = Comment(rawValue: "\(row.code) \(row.status.map(String.init) ?? "later") x \(row.times)")
        try await node.work { node in
            let error = try await node.start("sandbox-\(id)")
            #expect(error?.code == row.told, comment)
            if let error {
                #expect(error.message.contains(row.code), comment)
                #expect(error.message.contains("request id"), comment)
                #expect(error.message.contains(row.hint), "\(row.code): \(error.message)")
            }
            try await node.supervisor.stop("sandbox-\(id)")
            try await node.settled()
        }
        #expect(node.calls["PUT"] == row.tries, comment)
        #expect(node.left == [], comment)
        #expect(machines.count == 0, comment)
    }
}
