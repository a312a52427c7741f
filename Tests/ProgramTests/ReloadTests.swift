import Doubles
import KataProtocol
import LinuxIO
import PeerPodProtocol
import TTRPC
import TestSupport
import Testing

@Suite("A running adaptor", .enabled(if: RunningDaemon.isBuiltWhole, "the programs are not built"))
struct ReloadTests {
    @Test("reads its settings file again at SIGHUP, says what needs a restart, and refuses a bad file as a whole")
    func reload() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let path = "\(directory.path)/settings"
            try DurableFile.write(Array("TAGS=team=red\n".utf8), to: path)
            var daemon = try RunningDaemon(in: directory.path, on: loop, arguments: ["-config", path])
            try await daemon.readLog(until: "\"Serving\",\"socket\"")
            #expect(daemon.log.contains("team=red"))

            let changed = "TAGS=team=blue\nAZURE_INSTANCE_SIZES=a,b\nPROXY_TIMEOUT=7m\nNODE_NAME=other\n"
            try DurableFile.write(Array(changed.utf8), to: path)
            daemon.process.signal(Signals.hangUp)
            try await daemon.readLog(until: "\"Configuration reloaded\"")
            #expect(daemon.log.contains("\"instance-sizes\":\"a,b\",\"tags\":\"team=blue\""), "\(daemon.log)")
            #expect(daemon.log.contains("\"proxy-timeout\":\"7m\""), "\(daemon.log)")
            #expect(daemon.log.contains("\"setting\":\"node-name\""))
            #expect(!daemon.log.contains("\"setting\":\"proxy-timeout\""))

            try DurableFile.write(Array("TAGS=team=green\nAZURE_SUBNET_ID=\nROOT_VOLUME_SIZE=x\n".utf8), to: path)
            daemon.process.signal(Signals.hangUp)
            try await daemon.readLog(until: "The new configuration is refused")
            #expect(daemon.log.contains("ROOT_VOLUME_SIZE"))
            let metrics = try await daemon.get("/metrics")
            #expect(metrics.contains("peerpods_configuration_reloads_total{outcome=\"used\"} 1"))
            #expect(metrics.contains("peerpods_configuration_reloads_total{outcome=\"refused\"} 1"))
            #expect(metrics.contains("\npeerpods_configuration_loaded_timestamp_seconds "))

            daemon.process.signal(Signals.terminate)
            #expect(try await daemon.process.wait() == .exited(0))
        }
    }

    @Test("waits at SIGTERM for the deletions that run, with -drain, and says so")
    func drain() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let pod = CreateVMRequest.with {
                $0.id = "0123456789abcdef"
                $0.annotations = [
                    "io.kubernetes.cri.sandbox-name": "web", "io.kubernetes.cri.sandbox-namespace": "default",
                ]
            }
            var daemon = try RunningDaemon(
                in: directory.path, on: loop, boots: true, arguments: ["-forwarder-port", "15171", "-drain", "1h"])
            _ = try await daemon.notification()
            _ = try await daemon.call(Hypervisor.createVM, pod)
            _ = try await daemon.call(Hypervisor.startVM, .with { $0.id = pod.id })
            _ = try await daemon.call(Hypervisor.stopVM, .with { $0.id = pod.id })
            daemon.process.signal(Signals.terminate)
            #expect(try await daemon.process.wait() == .exited(0))
            try await daemon.readLog()
            #expect(daemon.log.contains("\"Waiting for deletions\",\"deletions\":1"), "\(daemon.log)")
            #expect(daemon.log.contains("\"All deletions have ended\""))
            #expect(!Files.exists("\(directory.path)/pods/\(pod.id)"))
        }
    }
}
