import LinuxIO

/// How soon a pod starts on a fake Azure that is as slow as the real one. StartVM must answer when the guest is ready, not when
/// Azure reports the end of the operation.
struct SlowAzureBenchmark {
    let tools: Tools

    func run(in directory: String) async throws -> [Figure] {
        let rig = try await AdaptorRig.start(
            tools, in: directory,
            flags: [
                "-accept-delay", "1s", "-address-delay", "2s", "-boot-delay", "12s", "-operation-delay", "40s",
            ])
        return try await with(rig.children) {
            let pod = try await rig.startPod(1)
            tools.progress("a pod on a fake Azure whose operations take 40 s")
            _ = try await rig.stopPod(pod.id)
            try await rig.drained()
            return [
                Figure(
                    group: "Pods: times without the VM's boot",
                    name: "from guest ready to StartVM's answer, while Azure's operation runs",
                    value: pod.timing.notice, unit: "ms",
                    detail:
                        "PUT accepted at 1 s, address at 2 s, programs start at 12 s, operation ends at 40 s; StartVM "
                        + "\(plain(pod.timing.start / 1000)) s in total",
                    goal: .atMost(1000, "ms", original: "waits for the operation"))
            ]
        }
    }
}
