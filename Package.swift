// swift-tools-version: 6.2
import PackageDescription

/// The compiler settings of every module of the project.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// The loader binds every symbol when a program starts, so that the program's function table is read-only afterwards
/// (full RELRO).
let bindsAtStart = ["-Xlinker", "-z", "-Xlinker", "relro", "-Xlinker", "-z", "-Xlinker", "now"]

/// The settings of a module in which tests spend much of their time. Without optimisation its generic code takes several
/// times as long, so that debug builds optimise it, too. They keep what `#if DEBUG` adds, and `@testable`.
let optimized = strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]

func module(_ name: String, _ dependencies: [Target.Dependency] = [], isOptimized: Bool = false) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: isOptimized ? optimized : strict)
}

/// A program is one line: its module has the remaining code, so that tests and benchmarks can use that code too.
func program(_ name: String, runs module: Target.Dependency, in directory: String = "Sources/Programs") -> Target {
    .executableTarget(
        name: name, dependencies: [module, "LinuxIO"], path: "\(directory)/\(name)", swiftSettings: strict,
        linkerSettings: [.unsafeFlags(bindsAtStart)])
}

/// A module of the simulators, which replace Azure, a pod VM and kata's agent. No program of the product links a
/// simulator.
func simulator(_ name: String, _ dependencies: [Target.Dependency], isOptimized: Bool = false) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Sources/Simulators/\(name)",
        swiftSettings: isOptimized ? optimized : strict)
}

func simulatorProgram(_ name: String, runs module: Target.Dependency) -> Target {
    program(name, runs: module, in: "Sources/Simulators/Programs")
}

func tests(_ name: String, _ dependencies: [Target.Dependency], isOptimized: Bool = false) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: isOptimized ? optimized : strict)
}

// The floors of docs/architecture.md: a module imports only modules of lower floors.
let package = Package(
    name: "cloud-api-adaptor",
    products: [
        .executable(name: "cloud-api-adaptor", targets: ["cloud-api-adaptor"]),
        .executable(name: "agent-protocol-forwarder", targets: ["agent-protocol-forwarder"]),
        .executable(name: "peerpodctl", targets: ["peerpodctl"]),
        .executable(name: "fake-azure", targets: ["fake-azure"]),
        .executable(name: "fake-kubernetes", targets: ["fake-kubernetes"]),
        .executable(name: "fake-pod-vm", targets: ["fake-pod-vm"]),
        .executable(name: "fake-kata-agent", targets: ["fake-kata-agent"]),
    ],
    targets: [
        // C: only code for macros and variadic functions of libraries, which Swift cannot use.
        .target(name: "CLinux"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CMicroHTTPD", pkgConfig: "libmicrohttpd", providers: [.apt(["libmicrohttpd-dev"])]),
        .systemLibrary(
            name: "CNetlink", pkgConfig: "libnl-route-3.0", providers: [.apt(["libnl-3-dev", "libnl-route-3-dev"])]),
        .systemLibrary(name: "CNFTables", pkgConfig: "libnftables", providers: [.apt(["libnftables-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CJansson", pkgConfig: "jansson", providers: [.apt(["libjansson-dev"])]),

        // 0: ground
        module("LinuxIO", ["CLinux"], isOptimized: true),
        module("Encoding", isOptimized: true),
        module("Telemetry", ["Encoding", "LinuxIO"], isOptimized: true),
        module("JSON", ["CJansson"], isOptimized: true),
        module("TextFormats", ["CYAML", "JSON"], isOptimized: true),
        module("Preflight", ["JSON", "Telemetry"]),
        module("Configuration", ["Encoding", "LinuxIO", "Telemetry"]),
        module("ProcessHardening", ["CSeccomp", "Configuration", "LinuxIO", "Telemetry"]),

        // 1: transport
        module("TTRPC", ["LinuxIO", "Telemetry"], isOptimized: true),
        module("HTTPTransport", ["CCurl", "CMicroHTTPD", "Encoding", "LinuxIO", "Telemetry"], isOptimized: true),
        module("TLS", ["COpenSSL", "Encoding", "LinuxIO", "Telemetry"], isOptimized: true),
        module("AgentTunnel", ["LinuxIO", "TLS", "Telemetry"], isOptimized: true),
        module("PodNetwork", ["CNetlink", "Encoding", "LinuxIO", "Telemetry"]),
        module("PacketFilter", ["CNFTables", "LinuxIO"]),

        // 2: domain
        module("PodVMLifecycle", ["Configuration", "Encoding", "JSON", "LinuxIO", "Telemetry"], isOptimized: true),
        module("MeasuredBoot", ["Encoding", "JSON", "LinuxIO", "TLS"], isOptimized: true),
        module("PodVMBoot", ["CZlib", "Encoding", "JSON", "LinuxIO", "PodNetwork", "TLS", "Telemetry", "TextFormats"]),
        module("KataProtocol", ["TTRPC"], isOptimized: true),
        module("AgentHealth", ["AgentTunnel", "KataProtocol", "TTRPC"]),
        module("PeerPodProtocol", ["AgentTunnel", "LinuxIO", "PodNetwork", "TLS", "TTRPC", "Telemetry"]),

        // 3: edges
        module(
            "PodConnection",
            [
                "AgentHealth", "AgentTunnel", "Configuration", "JSON", "KataProtocol", "LinuxIO", "PacketFilter",
                "PeerPodProtocol", "PodNetwork", "PodVMBoot", "PodVMLifecycle", "TLS", "TTRPC", "Telemetry",
            ]),
        module(
            "AzureBackend",
            [
                "AzurePreflight", "AzureProvider", "Configuration", "FakeAzureLauncher", "HTTPTransport", "LinuxIO",
                "PodVMLifecycle", "TLS", "Telemetry",
            ]),
        module("Probes", ["HTTPTransport", "LinuxIO", "Telemetry"]),
        module(
            "AzurePreflight",
            ["AzureProvider", "HTTPTransport", "JSON", "LinuxIO", "PodVMLifecycle", "Preflight", "Telemetry"],
            isOptimized: true),
        module(
            "ClusterPreflight",
            [
                "Configuration", "JSON", "Kubernetes", "LinuxIO", "PodNetwork", "Preflight", "Telemetry", "TextFormats",
            ]),
        module("FakeAzureLauncher", ["Configuration", "JSON", "LinuxIO", "Telemetry"]),
        module(
            "Gateway",
            [
                "AgentHealth", "AgentTunnel", "Configuration", "KataProtocol", "LinuxIO", "PeerPodProtocol",
                "PodVMLifecycle",
                "ProcessHardening", "TTRPC", "Telemetry",
            ]),
        module(
            "RemoteHypervisor",
            ["KataProtocol", "LinuxIO", "PeerPodProtocol", "PodVMLifecycle", "TTRPC", "Telemetry"]),
        module(
            "AzureProvider",
            ["Configuration", "Encoding", "HTTPTransport", "JSON", "LinuxIO", "PodVMLifecycle", "Telemetry"],
            isOptimized: true),

        module(
            "Kubernetes",
            [
                "Configuration", "Encoding", "HTTPTransport", "JSON", "LinuxIO", "PodVMLifecycle", "TLS", "Telemetry",
                "TextFormats",
            ], isOptimized: true),
        module("Controller", ["JSON", "LinuxIO", "PodVMLifecycle", "Telemetry"]),

        // 4: programs
        module(
            "ControllerProgram",
            [
                "AzureProvider", "Configuration", "Controller", "Encoding", "HTTPTransport", "JSON", "Kubernetes",
                "LinuxIO", "PodVMLifecycle", "Probes", "ProcessHardening", "TLS", "Telemetry",
            ]),
        module(
            "CloudAPIAdaptor",
            [
                "AzureBackend", "AzurePreflight", "Configuration", "ControllerProgram", "FakeAzureLauncher", "Gateway",
                "HTTPTransport",
                "Kubernetes", "LinuxIO", "PodConnection", "PodVMLifecycle", "Probes", "ProcessHardening",
                "RemoteHypervisor", "Telemetry",
            ]),
        module(
            "AgentProtocolForwarder",
            [
                "AgentTunnel", "Configuration", "Encoding", "JSON", "LinuxIO", "MeasuredBoot", "PeerPodProtocol",
                "PodNetwork", "PodVMBoot", "ProcessHardening", "TLS", "TTRPC", "Telemetry",
            ], isOptimized: true),
        module(
            "PeerPodControl",
            [
                "AzurePreflight", "AzureProvider", "ClusterPreflight", "Configuration", "HTTPTransport", "JSON",
                "Encoding",
                "KataProtocol", "Kubernetes", "LinuxIO", "MeasuredBoot", "PodNetwork", "PodVMBoot", "PodVMLifecycle",
                "Preflight", "TTRPC", "Telemetry", "PeerPodProtocol",
            ], isOptimized: true),
        program("cloud-api-adaptor", runs: "CloudAPIAdaptor"),
        program("agent-protocol-forwarder", runs: "AgentProtocolForwarder"),
        program("peerpodctl", runs: "PeerPodControl"),

        // Simulators
        simulator("MachineIsolation", ["CLinux", "LinuxIO"]),
        simulator(
            "FakeCloud",
            [
                "Encoding", "HTTPTransport", "JSON", "LinuxIO", "MachineIsolation", "PodNetwork",
                "TLS", "Telemetry",
            ], isOptimized: true),
        simulator(
            "FakeAzureProgram", ["Configuration", "FakeAzureLauncher", "FakeCloud", "JSON", "LinuxIO", "Telemetry"]),
        simulator(
            "FakeAgent",
            ["Configuration", "JSON", "KataProtocol", "LinuxIO", "MachineIsolation", "TTRPC", "Telemetry"]),
        simulator(
            "FakePodVM",
            [
                "Configuration", "FakeAgent", "FakeCloud", "JSON", "LinuxIO", "MachineIsolation", "PodNetwork",
                "Telemetry",
            ]),
        simulator(
            "FakeKubernetes", ["Configuration", "Encoding", "HTTPTransport", "JSON", "LinuxIO", "TLS", "Telemetry"],
            isOptimized: true),
        simulatorProgram("fake-kubernetes", runs: "FakeKubernetes"),
        simulatorProgram("fake-azure", runs: "FakeAzureProgram"),
        simulatorProgram("fake-pod-vm", runs: "FakePodVM"),
        simulatorProgram("fake-kata-agent", runs: "FakeAgent"),

        .target(
            name: "TestSupport", dependencies: ["LinuxIO"], path: "Tests/Support", swiftSettings: optimized),
        .target(
            name: "Doubles", dependencies: ["LinuxIO", "PodVMLifecycle"], path: "Tests/Doubles",
            swiftSettings: optimized),
        .target(
            name: "ScaleRig",
            dependencies: [
                "AzureProvider", "Doubles", "FakeCloud", "HTTPTransport", "LinuxIO", "PodVMLifecycle", "Telemetry",
            ], path: "Tests/ScaleRig", swiftSettings: strict),
        .target(
            name: "Simulation", dependencies: ["LinuxIO", "PodVMLifecycle", "Telemetry"], path: "Tests/Simulation",
            swiftSettings: optimized),
        tests("SimulationTests", ["Simulation"]),
        tests(
            "PodVMLifecycleTests", ["Doubles", "LinuxIO", "PodVMLifecycle", "Telemetry", "TestSupport"]),
        tests("ConfigurationTests", ["Configuration", "LinuxIO", "Telemetry", "TestSupport"]),
        tests("LinuxIOTests", ["LinuxIO", "TestSupport"]),
        tests("MachineIsolationTests", ["LinuxIO", "MachineIsolation", "TestSupport"]),
        tests("EncodingTests", ["Encoding"]),
        tests("TLSTests", ["Encoding", "LinuxIO", "TLS", "Telemetry", "TestSupport"]),
        tests(
            "AgentTunnelTests",
            [
                "AgentHealth", "AgentTunnel", "COpenSSL", "KataProtocol", "LinuxIO", "TLS", "TTRPC", "Telemetry",
                "TestSupport",
            ], isOptimized: true),
        tests("HTTPTransportTests", ["HTTPTransport", "LinuxIO", "TLS", "Telemetry", "TestSupport"]),
        .target(
            name: "AzureDoubles",
            dependencies: [
                "AzureProvider", "Doubles", "FakeCloud", "HTTPTransport", "JSON", "LinuxIO", "PodVMLifecycle",
                "Telemetry",
            ], path: "Tests/AzureDoubles", swiftSettings: strict),
        tests(
            "AzurePreflightTests",
            [
                "AzureDoubles", "AzurePreflight", "AzureProvider", "Doubles", "FakeCloud", "HTTPTransport", "JSON",
                "LinuxIO", "Preflight", "Telemetry", "TestSupport",
            ]),
        tests(
            "AzureProviderTests",
            [
                "AzureDoubles", "AzureProvider", "Configuration", "Doubles", "FakeCloud", "HTTPTransport", "JSON",
                "LinuxIO",
                "PodVMLifecycle", "Telemetry", "TestSupport",
            ]),
        tests(
            "PodConnectionTests",
            [
                "AgentTunnel", "KataProtocol", "LinuxIO", "NetworkRig", "PacketFilter", "PeerPodProtocol",
                "PodConnection",
                "PodNetwork", "PodVMBoot", "PodVMLifecycle", "TLS", "TTRPC", "Telemetry", "TestSupport",
            ]),
        tests(
            "CloudAPIAdaptorTests",
            [
                "AzureBackend", "CloudAPIAdaptor", "Configuration", "ControllerProgram", "Doubles", "HTTPTransport",
                "JSON", "Kubernetes", "LinuxIO", "PodConnection", "PodVMLifecycle", "Probes", "Telemetry",
                "TestSupport",
            ]),
        // The programs as processes. scripts/test runs these tests after the unit tests.
        tests(
            "ProgramTests",
            [
                "AgentProtocolForwarder", "AgentTunnel", "AzureDoubles", "AzureProvider", "CloudAPIAdaptor",
                "Configuration", "Doubles", "Encoding", "FakeAzureLauncher", "FakeCloud", "FakeKubernetes",
                "ForwarderRig", "HTTPTransport", "ImageRig", "JSON", "KataProtocol", "LinuxIO", "NetworkRig",
                "PacketFilter", "PeerPodProtocol", "PodNetwork", "PodVMBoot", "PodVMLifecycle", "ShimRig", "TLS",
                "TTRPC", "Telemetry", "TestSupport", "agent-protocol-forwarder", "cloud-api-adaptor", "fake-azure",
                "fake-pod-vm",
            ]),
        tests(
            "FakeAzureLauncherTests",
            [
                "Configuration", "FakeAzureLauncher", "FakeCloud", "LinuxIO", "Telemetry", "TestSupport",
            ]),
        tests("TelemetryTests", ["Telemetry"], isOptimized: true),
        tests(
            "ControllerTests",
            ["Controller", "Doubles", "JSON", "LinuxIO", "PodVMLifecycle", "Telemetry", "TestSupport"]),
        tests(
            "KubernetesTests",
            [
                "Configuration", "Doubles", "Encoding", "FakeKubernetes", "HTTPTransport", "JSON", "Kubernetes",
                "LinuxIO", "PodVMLifecycle", "Telemetry", "TLS",
                "TestSupport",
            ]),
        .executableTarget(
            name: "hardened-child", dependencies: ["CLinux", "LinuxIO", "ProcessHardening"],
            path: "Tests/HardenedChild",
            swiftSettings: [.swiftLanguageMode(.v6)]),
        tests("ProcessHardeningTests", ["LinuxIO", "ProcessHardening", "hardened-child"]),
        tests("TTRPCTests", ["LinuxIO", "TTRPC", "TestSupport"]),
        tests(
            "RemoteHypervisorTests",
            [
                "Doubles", "KataProtocol", "LinuxIO", "PeerPodProtocol", "PodVMLifecycle", "RemoteHypervisor", "TTRPC",
                "TestSupport",
            ]),
        tests("KataProtocolTests", ["KataProtocol", "LinuxIO", "TTRPC"]),
        tests("PeerPodProtocolTests", ["AgentTunnel", "LinuxIO", "PeerPodProtocol", "TLS", "TTRPC", "Telemetry"]),
        tests(
            "GatewayTests",
            [
                "AgentTunnel", "Gateway", "KataProtocol", "LinuxIO", "PeerPodProtocol", "PodVMLifecycle", "TTRPC",
                "Telemetry", "TestSupport",
            ]),
        tests("JSONTests", ["JSON"]),
        tests("TextFormatsTests", ["JSON", "LinuxIO", "TestSupport", "TextFormats"]),
        tests(
            "ClusterPreflightTests",
            [
                "ClusterPreflight", "FakeKubernetes", "HTTPTransport", "JSON", "Kubernetes", "LinuxIO",
                "PodVMLifecycle",
                "Preflight", "TestSupport",
            ]),
        .target(
            name: "ForwarderRig", dependencies: ["AgentTunnel", "LinuxIO", "PodVMBoot", "TLS", "TTRPC"],
            path: "Tests/ForwarderRig", swiftSettings: optimized),
        tests(
            "AgentProtocolForwarderTests",
            [
                "AgentProtocolForwarder", "AgentTunnel", "Configuration", "Doubles", "ForwarderRig", "JSON",
                "KataProtocol",
                "LinuxIO", "MeasuredBoot", "NetworkRig", "PeerPodProtocol", "PodNetwork", "PodVMBoot", "TLS", "TTRPC",
                "Telemetry", "TestSupport",
            ], isOptimized: true),
        tests(
            "FakeCloudTests",
            ["FakeCloud", "HTTPTransport", "JSON", "LinuxIO", "Telemetry", "TestSupport"]),
        tests(
            "FakePodVMTests",
            [
                "Configuration", "FakeAgent", "FakePodVM", "KataProtocol", "LinuxIO", "NetworkRig", "PodNetwork",
                "ShimRig", "TTRPC", "Telemetry", "fake-pod-vm", "TestSupport", "ImageRig",
            ]),
        .target(
            name: "ShimRig", dependencies: ["KataProtocol", "LinuxIO", "TTRPC"], path: "Tests/ShimRig",
            swiftSettings: strict),
        .target(
            name: "ImageRig", dependencies: ["Encoding", "LinuxIO", "TestSupport"], path: "Tests/ImageRig",
            swiftSettings: strict),
        .target(
            name: "NetworkRig", dependencies: ["LinuxIO", "PodNetwork"], path: "Tests/NetworkRig",
            swiftSettings: strict),
        tests("PodNetworkTests", ["LinuxIO", "NetworkRig", "PacketFilter", "PodNetwork"]),
        tests("MeasuredBootTests", ["Encoding", "LinuxIO", "MeasuredBoot", "TestSupport"], isOptimized: true),
        tests("PodVMBootTests", ["Encoding", "LinuxIO", "PodNetwork", "PodVMBoot", "Telemetry", "TestSupport"]),
        tests(
            "PeerPodControlTests",
            [
                "AzurePreflight", "AzureProvider", "Configuration", "Encoding", "HTTPTransport", "JSON", "KataProtocol",
                "LinuxIO",
                "NetworkRig", "PeerPodControl",
                "PeerPodProtocol", "PodNetwork", "Preflight", "TTRPC", "Telemetry", "TestSupport", "peerpodctl",
            ]),
        tests(
            "PeerTests",
            [
                "AgentProtocolForwarder", "AgentTunnel", "Doubles", "FakeKubernetes", "Gateway", "HTTPTransport",
                "JSON", "Kubernetes",
                "KataProtocol", "LinuxIO", "NetworkRig", "PodConnection", "PodNetwork", "PodVMBoot", "PodVMLifecycle",
                "RemoteHypervisor", "TTRPC",
                "Telemetry",
                "agent-protocol-forwarder", "fake-azure", "fake-pod-vm", "TLS", "TestSupport",
            ]),
    ]
)

/// A program that examines the bytes that libFuzzer generates; its seeds are in Fuzz/Corpus/<name>.
func fuzzer(_ name: String, of modules: Target.Dependency...) -> Target {
    .executableTarget(
        name: name, dependencies: ["Fuzzing"] + modules, path: "Fuzz/Sources/\(name)", swiftSettings: strict)
}

/// The modules that `targets` need, directly or not.
func modules(below targets: [Target], in all: [Target]) -> [Target] {
    var needed = Set<String>()
    var pending = targets
    while let target = pending.popLast() {
        for case .byNameItem(let name, _) in target.dependencies where needed.insert(name).inserted {
            pending += all.filter { $0.name == name }
        }
    }
    return all.filter { needed.contains($0.name) }
}

// Benchmarks, fuzzers and the simulation reach the modules without making them products: scripts/bench, scripts/fuzz and
// scripts/simulate set PEERPODS_TARGETS, and `swift build` by itself does not build them.
switch Context.environment["PEERPODS_TARGETS"] {
case "benchmarks":
    package.targets.append(
        .executableTarget(
            name: "benchmarks",
            dependencies: [
                "AgentTunnel", "Configuration", "FakePodVM", "JSON", "KataProtocol", "LinuxIO", "NetworkRig",
                "PodVMBoot",
                "ScaleRig", "TLS", "TTRPC", "Telemetry",
            ],
            path: "Benchmarks/Sources/Benchmarks",
            swiftSettings: [.swiftLanguageMode(.v6), .enableUpcomingFeature("NonisolatedNonsendingByDefault")]))
case "fuzz":
    // With -sanitize=fuzzer each program gets libFuzzer's `main`, so that no other program can be linked.
    package.products = []
    let fuzzers = [
        .target(name: "CFuzzer", path: "Fuzz/Sources/CFuzzer"),
        .target(name: "Fuzzing", dependencies: ["CFuzzer"], path: "Fuzz/Sources/Fuzzing", swiftSettings: strict),
        fuzzer("FrameDecoderFuzzer", of: "TTRPC"),
        fuzzer("ProtobufFuzzer", of: "TTRPC"),
        fuzzer("DiskImageFuzzer", of: "MeasuredBoot"),
        fuzzer("SessionFuzzer", of: "AgentHealth", "AgentTunnel"),
        // Reads internal types: scripts/fuzz builds with -enable-testing.
        fuzzer("MoveFuzzer", of: "AgentTunnel", "Gateway", "LinuxIO", "PeerPodProtocol", "TTRPC"),
        fuzzer("EnvelopeFuzzer", of: "TTRPC"),
        fuzzer("MessageFuzzer", of: "KataProtocol", "PeerPodProtocol", "TTRPC"),
        fuzzer("ServerFuzzer", of: "LinuxIO", "TTRPC"),
        fuzzer("HTTPAnswerFuzzer", of: "AgentProtocolForwarder"),
        fuzzer("PodMetadataFuzzer", of: "AgentProtocolForwarder"),
        fuzzer("RewriterFuzzer", of: "AgentProtocolForwarder", "AgentTunnel", "TTRPC"),
        fuzzer(
            "HypervisorFuzzer", of: "KataProtocol", "LinuxIO", "PeerPodProtocol", "PodVMLifecycle", "RemoteHypervisor",
            "TTRPC"),
        fuzzer("AzureAnswerFuzzer", of: "AzureAnswerReading", "HTTPTransport"),
        // The provider's readers are internal, so scripts/fuzz builds with -enable-testing. The provider's tests have this folder, too.
        .target(
            name: "AzureAnswerReading", dependencies: ["AzureProvider", "HTTPTransport", "JSON", "Telemetry"],
            path: "Tests/AzureProviderTests/Reading", swiftSettings: strict),
        fuzzer("BootDocumentFuzzer", of: "PodVMBoot"),
        fuzzer("KubernetesFuzzer", of: "JSON", "Kubernetes"),
        fuzzer("AdmissionFuzzer", of: "Encoding", "JSON", "Kubernetes"),
        fuzzer("RegistryAuthorizationsFuzzer", of: "Encoding", "JSON", "Kubernetes", "PodVMLifecycle", "Telemetry"),
        fuzzer("CloudConfigFuzzer", of: "PodVMBoot"),
        fuzzer("InitdataFuzzer", of: "PodVMBoot"),
        fuzzer("ConfigurationTextFuzzer", of: "JSON", "TextFormats"),
    ]
    package.targets = modules(below: fuzzers, in: package.targets) + fuzzers
case "simulation":
    package.products = []
    let simulate = program("simulate", runs: "Simulation", in: "Tests/Programs")
    package.targets = modules(below: [simulate], in: package.targets) + [simulate]
default: break
}
