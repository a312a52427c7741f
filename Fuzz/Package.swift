// swift-tools-version: 6.2
import PackageDescription

// scripts/fuzz builds and runs these:
// swift build -c release -Xswiftc -sanitize=fuzzer,address -Xswiftc -use-ld=lld
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// A program that examines whatever bytes libFuzzer thinks of; its seeds are in Corpus/<name>.
func fuzzer(_ name: String, of modules: String...) -> Target {
    .executableTarget(
        name: name,
        dependencies: ["Fuzzing"] + modules.map { .product(name: $0, package: "cloud-api-adaptor") },
        swiftSettings: strict)
}

let package = Package(
    name: "Fuzz",
    dependencies: [.package(name: "cloud-api-adaptor", path: "..")],
    targets: [
        .target(name: "CFuzzer"),
        .target(name: "Fuzzing", dependencies: ["CFuzzer"], swiftSettings: strict),
        fuzzer("FrameDecoderFuzzer", of: "TTRPC"),
        fuzzer("ProtobufFuzzer", of: "TTRPC"),
        fuzzer("EnvelopeFuzzer", of: "TTRPC"),
        fuzzer("MessageFuzzer", of: "KataProtocol", "TTRPC"),
        fuzzer("ServerFuzzer", of: "LinuxIO", "TTRPC"),
        fuzzer("HTTPAnswerFuzzer", of: "AgentProtocolForwarder"),
        fuzzer("PodMetadataFuzzer", of: "AgentProtocolForwarder"),
        fuzzer("RewriterFuzzer", of: "AgentProtocolForwarder", "AgentTunnel", "TTRPC"),
        fuzzer("HypervisorFuzzer", of: "KataProtocol", "LinuxIO", "PodVMLifecycle", "RemoteHypervisor", "TTRPC"),
        fuzzer("AzureAnswerFuzzer", of: "AzureProvider", "HTTPTransport"),
        fuzzer("BootDocumentFuzzer", of: "PodVMBoot"),
        fuzzer("CloudConfigFuzzer", of: "PodVMBoot"),
        fuzzer("InitdataFuzzer", of: "PodVMBoot"),
    ]
)
