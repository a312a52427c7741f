import HTTPTransport
import JSON
import Testing

@testable import AzureProvider

@Suite("An error of ARM")
struct ARMFaultTests {
    private func fault(_ text: String) throws -> ARMFault? { ARMFault(try JSONValue(parsing: text)) }

    @Test(
        "is found in each of its formats",
        arguments: [
            #"{"error": {"code": "C", "message": "m"}}"#, #"{"code": "C", "message": "m"}"#,
            #"{"Error": {"Code": "C", "Message": "m"}}"#, #"{"error": "C", "error_description": "m"}"#,
            #"{"error": {"code": "C", "message": "m", "details": null, "target": 5, "innererror": "x"}}"#,
            #"{"error": {"code": "C", "message": "m", "details": {}, "additionalInfo": []}}"#,
        ])
    func shapes(text: String) throws {
        let fault = try #require(try fault(text))
        #expect(fault.code == "C")
        #expect(fault.message == "m")
        #expect(fault.target == nil)
        #expect(fault.root == nil)
    }

    @Test(
        "is not found in an answer without one",
        arguments: ["{}", "[]", "5", "null", #"{"error": {}}"#, #"{"error": 5}"#])
    func nothing(text: String) throws { #expect(try fault(text) == nil) }

    @Test("has its root cause in the innermost of the details, or in innererror")
    func root() throws {
        #expect(
            try fault(
                #"{"error": {"code": "A", "details": [{}, {"code": "B", "details": [{"code": "C", "message": "c"}]}, {"code": "D"}]}}"#
            )?.root == .init(code: "C", message: "c"))
        #expect(
            try fault(#"{"error": {"code": "A", "innererror": {"code": "B", "innererror": {"message": "c"}}}}"#)?.root
                == .init(code: "", message: "c"))
        // Compute's own 429.
        #expect(
            try fault(
                #"{"code": "OperationNotAllowed", "message": "m", "details": [{"code": "TooManyRequests", "target": "HighCostGet30Min"}]}"#
            )?.root?.code == "TooManyRequests")
    }

    @Test("is printed as one line of limited length")
    func bounded() throws {
        let long = String(repeating: "x", count: 1 << 18)
        let fault = try #require(try fault("{\"code\": \"\(long)\", \"message\": \"a\\r\\n\\u0007\(long)\"}"))
        #expect(fault.code.count < 200)
        #expect(fault.message.hasPrefix("a   x"))
        #expect(fault.message.count < 2100)
    }

    @Test("may have a number as its code")
    func number() throws { #expect(try fault(#"{"error": {"code": 42, "message": "m"}}"#)?.code == "42") }

    @Test("reads the remaining calls that Azure reports, and ignores headers that it cannot read")
    func quotas() {
        let headers: HTTPHeaders = [
            "x-ms-ratelimit-remaining-subscription-reads": "249",
            "X-MS-RateLimit-Remaining-Subscription-Global-Reads": " 3749 ",
            "x-ms-ratelimit-remaining-resource":
                "Microsoft.Compute/PutVMSubscriptionMaximum;1499, Microsoft.Compute/PutVMResource;11,;;;,odd;x,n;-5,Other;7",
            "x-ms-ratelimit-remaining-tenant-reads": "many", "x-ms-request-charge": "1",
        ]
        #expect(
            QuotaHeaders.remaining(headers) == [
                .init(name: "subscription-reads", count: 249, known: 250),
                .init(name: "subscription-global-reads", count: 3749, known: 3750),
                .init(name: "microsoft.compute/putvmsubscriptionmaximum", count: 1499), .init(name: "other", count: 7),
            ])
    }
}
