/// The API versions that a fake Azure accepts: those of recent clients, and those of the metadata service.
enum APIVersions {
    /// - Throws: ARM's refusal of a version that is missing or unknown.
    static func check(_ version: String?, _ route: ARMRoute) throws(FakeARMFault) {
        guard let version, !version.isEmpty else {
            throw gateway(
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.")
        }
        guard isDate(version) else {
            throw gateway(
                "InvalidApiVersionParameter",
                "The api-version '\(version)' is invalid. The supported versions are "
                    + "'2026-04-01,2024-07-01,2024-03-02,2024-03-01,2023-07-03,2022-12-01,2021-07-01,2021-04-01'.")
        }
        let oldest = if case .fixture = route.target { "2015-01-01" } else { "2021-03-01" }
        guard oldest <= version, version < "2027" else {
            throw gateway(
                "NoRegisteredProviderFound",
                "No registered resource provider found for location '\(route.location ?? "")' and API version "
                    + "'\(version)' for this type. The supported api-versions are '2021-03-01' and newer.")
        }
    }

    private static func gateway(_ code: String, _ message: String) -> FakeARMFault {
        var fault = FakeARMFault(400, code, message)
        fault.isGateway = true
        return fault
    }

    /// A version such as `2024-07-01`, optionally with `-preview`.
    static func isDate(_ text: String) -> Bool {
        let date = text.hasSuffix("-preview") ? text.dropLast("-preview".count) : text[...]
        return date.utf8.count == 10
            && date.utf8.enumerated().allSatisfy { index, byte in
                index == 4 || index == 7
                    ? byte == UInt8(ascii: "-") : UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
            }
    }

    /// The versions of the metadata service, the newest last.
    static let metadata = [
        "2017-04-02", "2017-08-01", "2017-12-01", "2018-02-01", "2018-04-02", "2018-10-01", "2019-02-01",
        "2019-03-11", "2019-04-30", "2019-06-01", "2019-06-04", "2019-08-01", "2019-08-15", "2019-11-01",
        "2020-06-01", "2020-07-15", "2020-09-01", "2020-10-01", "2020-12-01", "2021-01-01", "2021-02-01",
        "2021-03-01", "2021-05-01", "2021-10-01", "2021-11-01", "2021-11-15", "2021-12-13", "2023-07-01",
        "2023-11-15", "2024-03-15", "2024-07-17", "2025-04-07",
    ]
}
