/// A VM size with the properties that the SKUs API has.
struct MachineSize: Equatable, Sendable {
    /// The technology that protects the memory of a confidential VM.
    enum Technology: String, Sendable { case tdx = "TDX", snp = "SNP" }

    let name: String
    /// The family against whose quota it counts.
    let family: String
    let cores: Int
    let memoryGiB: Int
    let technology: Technology?
    let maximumDisks: Int
    let graphicsCards: Int
    /// The regions that offer it; empty: all.
    let regions: [String]

    /// Whether a region offers it.
    func isSold(in region: String) -> Bool { regions.isEmpty || regions.contains(region.lowercased()) }
}

extension MachineSize {
    /// The size with this name; the case does not matter.
    static func named(_ name: String) -> MachineSize? { byName[name.lowercased()] }

    /// All sizes, confidential or not.
    ///
    /// Names, families and dimensions are those of Azure in 2026-06.
    static let all: [MachineSize] = {
        let smallTDX = [(2, 8), (4, 16), (8, 32), (16, 64), (32, 128), (48, 192), (64, 256), (96, 384)]
        let largeTDX = [(2, 16), (4, 32), (8, 64), (16, 128), (32, 256), (48, 384), (64, 512)]
        let largeSNP = [(2, 16), (4, 32), (8, 64), (16, 128), (20, 160), (32, 192), (48, 384), (64, 512), (96, 672)]
        let tdx6 = ["eastus", "westeurope", "westus", "westus3"]
        let tdx5 = ["centralus", "eastus2", "northeurope", "westeurope"]
        let snp = [
            "centralindia", "centralus", "eastasia", "eastus", "eastus2", "germanywestcentral", "indonesiacentral",
            "italynorth", "japaneast", "jioindiacentral", "jioindiawest", "northeurope", "southeastasia",
            "switzerlandnorth", "uaenorth", "uksouth", "westeurope", "westus",
        ]
        var all: [MachineSize] = []
        func series(
            _ prefix: String, _ suffix: String, _ family: String, _ technology: Technology?, _ regions: [String],
            _ dimensions: [(Int, Int)], graphicsCards: Int = 0
        ) {
            for (cores, memory) in dimensions {
                let isV6 = technology == .tdx && suffix.hasSuffix("v6")
                all.append(
                    MachineSize(
                        name: "Standard_\(prefix)\(cores)\(suffix)", family: family, cores: cores, memoryGiB: memory,
                        technology: technology,
                        maximumDisks: isV6 ? maximumDisksV6(cores) : min(32, 2 * cores),
                        graphicsCards: graphicsCards, regions: regions))
            }
        }
        series("DC", "es_v6", "standardDCEV6Family", .tdx, tdx6, smallTDX + [(128, 512)])
        series("DC", "eds_v6", "standardDCEDV6Family", .tdx, tdx6, smallTDX + [(128, 512)])
        series("EC", "es_v6", "standardECEV5Family", .tdx, tdx6, largeTDX)
        series("EC", "eds_v6", "standardECEDV5Family", .tdx, tdx6, largeTDX)
        series("DC", "es_v5", "standardDCEV5Family", .tdx, tdx5, smallTDX)
        series("DC", "eds_v5", "standardDCEDV5Family", .tdx, tdx5, smallTDX)
        series("EC", "es_v5", "standardECEV5Family", .tdx, tdx5, largeTDX + [(128, 768)])
        series("EC", "eds_v5", "standardECEDV5Family", .tdx, tdx5, largeTDX + [(128, 768)])
        series("DC", "as_v5", "standardDCASv5Family", .snp, snp, smallTDX)
        series("DC", "ads_v5", "standardDCADSv5Family", .snp, snp, smallTDX)
        series("EC", "as_v5", "standardECASv5Family", .snp, snp, largeSNP)
        series("EC", "ads_v5", "standardECADSv5Family", .snp, snp, largeSNP)
        series("DC", "as_v6", "standardDCasv6Family", .snp, snp, smallTDX)
        series("EC", "as_v6", "standardECasv6Family", .snp, snp, largeTDX + [(96, 672)])
        series("NCC", "ads_H100_v5", "standardNCCadsH100v5Family", .snp, [], [(40, 320)], graphicsCards: 1)
        series("D", "s_v5", "standardDSv5Family", nil, [], [(2, 8), (4, 16), (8, 32), (16, 64)])
        series("D", "as_v5", "standardDASv5Family", nil, [], [(2, 8), (4, 16), (8, 32), (16, 64)])
        series("B", "ms", "standardBSFamily", nil, [], [(2, 8), (4, 16)])
        series("NC", "ads_A100_v4", "StandardNCADSA100v4Family", nil, [], [(24, 220)], graphicsCards: 1)
        return all
    }()

    private static func maximumDisksV6(_ cores: Int) -> Int {
        switch cores {
        case ...2: 8
        case ...4: 12
        case ...8: 24
        case ...16: 48
        default: 64
        }
    }

    private static let byName = Dictionary(
        all.map { ($0.name.lowercased(), $0) }, uniquingKeysWith: { first, _ in first })
}
