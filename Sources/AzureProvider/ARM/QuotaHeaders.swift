internal import HTTPTransport

/// The number of further calls that Azure would accept, from the headers of an answer.
enum QuotaHeaders {
    /// One of Azure's buckets.
    struct Remaining: Equatable {
        var name: String
        var count: Double
        /// The size of the bucket, if it is documented.
        var known: Double?
    }

    private static let prefix = "x-ms-ratelimit-remaining-"
    /// ARM's own buckets, by region, subscription and principal.
    private static let documented = [
        "subscription-reads": 250.0, "subscription-writes": 200.0, "subscription-deletes": 200.0,
        "subscription-global-reads": 3750.0, "subscription-global-writes": 3000.0,
        "subscription-global-deletes": 3000.0, "tenant-reads": 250.0, "tenant-writes": 200.0, "tenant-deletes": 200.0,
    ]

    /// Reads `x-ms-ratelimit-remaining-subscription-reads: 249`, and
    /// `x-ms-ratelimit-remaining-resource: Microsoft.Compute/PutVMSubscriptionMaximum;1499,Microsoft.Compute/PutVMResource;11`.
    /// It skips the names that end with `Resource`: they limit the calls for a single VM. It ignores unreadable values.
    static func remaining(_ headers: HTTPHeaders) -> [Remaining] {
        var found: [Remaining] = []
        for (field, value) in headers.fields {
            let name = field.lowercased()
            // Names are stored; no quota of Azure has a longer name.
            guard name.hasPrefix(prefix), name.utf8.count <= 128 else { continue }
            let kind = String(name.dropFirst(prefix.count))
            if kind == "resource" {
                for policy in value.split(separator: ",").prefix(16) {
                    let parts = policy.split(separator: ";")
                    guard parts.count == 2, parts[0].utf8.count <= 128, let count = count(parts[1]) else { continue }
                    let policy = parts[0].lowercased().filter { $0 != " " }
                    if !policy.hasSuffix("resource") { found.append(Remaining(name: policy, count: count)) }
                }
            } else if let count = count(value[...]) {
                found.append(Remaining(name: kind, count: count, known: documented[kind]))
            }
        }
        return found
    }

    private static func count(_ text: Substring) -> Double? {
        Int64(text.filter { $0 != " " }).flatMap { $0 >= 0 ? Double($0) : nil }
    }
}
