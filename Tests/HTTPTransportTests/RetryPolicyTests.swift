import HTTPTransport
import Telemetry
import Testing

@Suite("The policy of repeated requests")
struct RetryPolicyTests {
    private let now = WallTime(secondsSinceEpoch: 784_111_777)  // Sun, 06 Nov 1994 08:49:37 GMT

    @Test(
        "parses the time after which a server allows another request",
        arguments: [
            (["Retry-After": "17"], 17.0), (["retry-after": "0"], 0), (["Retry-After": "1.5"], 1.5),
            (["Retry-After": "17", "retry-after-ms": "250"], 0.25), (["x-ms-retry-after-ms": "1500"], 1.5),
            (["Retry-After": "Sun, 06 Nov 1994 08:50:37 GMT"], 60),
            (["Retry-After": "Sunday, 06-Nov-94 08:50:37 GMT"], 60),
            (["Retry-After": "Sun Nov  6 08:50:37 1994"], 60), (["Retry-After": "Sun, 06 Nov 1994 08:49:00 GMT"], 0),
            (["Retry-After": "Tue, 29 Feb 2000 00:00:00 GMT"], 604_800),
            (["Retry-After": "99999999999999999999999"], 604_800),
            ([:], nil), (["Retry-After": "-1"], nil), (["Retry-After": "soon"], nil), (["Retry-After": ""], nil),
            (["Retry-After": "1e9"], nil), (["Retry-After": "nan"], nil), (["Retry-After": "1.2.3"], nil),
            (["Retry-After": "Sun, 06 Nov 1994"], nil), (["Retry-After": "Sun, 32 Nov 1994 08:49:37 GMT"], nil),
            (["Retry-After": "Sun, 06 Nov 1994 24:49:37 GMT"], nil),
        ] as [([String: String], Double?)])
    func retryAfter(fields: [String: String], seconds: Double?) {
        let headers = HTTPHeaders(fields.map { ($0.key, $0.value) })
        #expect(RetryAfter.parse(headers, now: now) == seconds.map { .milliseconds(Int64($0 * 1000)) })
    }

    @Test("computes dates across leap years and centuries")
    func dates() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600),
            ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400), ("Fri, 31 Dec 1999 23:59:60 GMT", 946_684_800),
        ] {
            #expect(HTTPDate.parse(text)?.secondsSinceEpoch == Int64(seconds), "\(text)")
        }
    }

    private func delay(
        _ outcome: Result<HTTPResponse, HTTPError>, after attempt: Int = 1, idempotent: Bool = true,
        random: Double = 0
    ) -> Duration? {
        RetryPolicy().delay(after: attempt, for: outcome, isIdempotent: idempotent, random: random, now: now)
    }

    private func answer(_ status: Int, _ headers: HTTPHeaders = [:]) -> Result<HTTPResponse, HTTPError> {
        .success(HTTPResponse(status: status, headers: headers))
    }

    @Test("pauses double up to a maximum, each is at least half of its step, and their number is limited")
    func backOff() {
        var policy = RetryPolicy()
        policy.attempts = 9
        let whole = (1...9).map { attempt in
            policy.delay(after: attempt, for: answer(503), isIdempotent: true, random: 1, now: now)
        }
        let steps: [Duration] = [800, 1600, 3200, 6400, 12800, 25600, 30000, 30000].map { .milliseconds($0) }
        #expect(whole == steps + [nil])
        let half = policy.delay(after: 3, for: answer(503), isIdempotent: true, random: 0, now: now)
        #expect(half == .milliseconds(1600))
    }

    @Test("waits at least as long as the server says, with a random addition")
    func obeys() {
        #expect(delay(answer(429, ["Retry-After": "10"])) == .seconds(10))
        #expect(delay(answer(429, ["Retry-After": "10"]), random: 1) == .milliseconds(15_250))
        #expect(delay(answer(429, ["Retry-After": "10"]), idempotent: false) == .seconds(10))
        #expect(delay(answer(409, ["Retry-After": "3"])) == .seconds(3))
        #expect(delay(answer(429, ["Retry-After": "3600"])) == nil)
        #expect(delay(answer(429)) == .milliseconds(400))
    }

    @Test("repeats after temporary errors, and not after permanent errors")
    func statuses() {
        for status in [408, 429, 500, 502, 503, 504, 507] { #expect(delay(answer(status)) != nil, "\(status)") }
        for status in [200, 202, 301, 307, 400, 401, 403, 404, 409, 412, 413, 501, 505] {
            #expect(delay(answer(status)) == nil, "\(status)")
        }
        #expect(delay(answer(202, ["Retry-After": "5"])) == nil)
    }

    @Test("does not repeat a request that is not idempotent and may have been carried out")
    func effects() {
        for status in [408, 500, 502, 503, 504] {
            #expect(delay(answer(status), idempotent: false) == nil, "\(status)")
        }
        let lost = HTTPError(.unknown, .deadline, "")
        #expect(delay(.failure(lost), idempotent: false) == nil)
        #expect(delay(.failure(lost)) == .milliseconds(400))
        #expect(delay(.failure(.init(.notSent, .connection, "")), idempotent: false) == .milliseconds(400))
    }

    @Test("repeats at once, and only once, when a kept connection broke")
    func broken() {
        let broken = Result<HTTPResponse, HTTPError>.failure(.init(.unknown, .brokenAnswer, ""))
        #expect(delay(broken, random: 0.5) == .milliseconds(50))
        #expect(delay(broken, after: 2) == .milliseconds(800))
        #expect(delay(broken, idempotent: false) == nil)
    }

    @Test(
        "recognises permanent errors",
        arguments: [.malformedRequest, .security, .answerTooLarge, .cancelled, .client] as [HTTPError.Reason])
    func lasting(reason: HTTPError.Reason) {
        #expect(delay(.failure(.init(.notSent, reason, ""))) == nil)
    }
}
