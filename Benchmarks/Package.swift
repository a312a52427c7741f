// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nobody who builds the daemons builds this. Run it with scripts/bench.
let package = Package(
    name: "Benchmarks",
    dependencies: [.package(name: "cloud-api-adaptor", path: "..")],
    targets: [
        .executableTarget(
            name: "benchmarks",
            dependencies: [
                "AgentTunnel", "Configuration", "JSON", "KataProtocol", "LinuxIO", "NetworkRig", "PodVMBoot",
                "ScaleRig", "TTRPC", "Telemetry",
            ].map { .product(name: $0, package: "cloud-api-adaptor") },
            path: "Sources/Benchmarks",
            swiftSettings: [.swiftLanguageMode(.v6), .enableUpcomingFeature("NonisolatedNonsendingByDefault")])
    ]
)
