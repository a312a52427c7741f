import JSON
import Kubernetes
import PodVMLifecycle
import Testing

@Suite("The resources that a pod needs")
struct PodResourcesTests {
    private func needed(_ spec: String) throws -> PodResources {
        try ClusterPod(
            JSONNode(JSONValue(parsing: #"{"metadata":{"name":"p"},"spec":{\#(spec)}}"#)).members
        ).neededResources
    }

    private func container(_ limits: String, requests: String = "", sidecar: Bool = false) -> String {
        let policy = sidecar ? #""restartPolicy":"Always","# : ""
        return #"{"image":"i",\#(policy)"resources":{"limits":{\#(limits)},"requests":{\#(requests)}}}"#
    }

    @Test("are the sum of the containers, a limit before a request, rounded up to whole processors and MiB")
    func sum() throws {
        let one = container(#""cpu":"1500m","memory":"1Gi","nvidia.com/gpu":"1""#, requests: #""cpu":"100m""#)
        let two = container("", requests: #""cpu":"600m","memory":"1048577""#)
        #expect(
            try needed(#""containers":[\#(one),\#(two)]"#) == PodResources(vcpus: 3, memoryMiB: 1026, gpus: 1))
    }

    @Test("are at least those of each init container with the sidecars that were started before it")
    func initContainers() throws {
        let main = container(#""cpu":"1","memory":"100Mi""#)
        let large = container(#""cpu":"4","memory":"50Mi""#)
        let sidecar = container(#""cpu":"2","memory":"100Mi""#, sidecar: true)
        #expect(
            try needed(#""containers":[\#(main)],"initContainers":[\#(large)]"#)
                == PodResources(vcpus: 4, memoryMiB: 100))
        #expect(
            try needed(#""containers":[\#(main)],"initContainers":[\#(sidecar),\#(large)]"#)
                == PodResources(vcpus: 6, memoryMiB: 200))
        // The sidecar is started after the large one has ended.
        #expect(
            try needed(#""containers":[\#(main)],"initContainers":[\#(large),\#(sidecar)]"#)
                == PodResources(vcpus: 4, memoryMiB: 200))
    }

    @Test("are those of the pod itself where it names them")
    func podLevel() throws {
        let main = container(#""cpu":"1","memory":"100Mi""#)
        #expect(
            try needed(#""resources":{"limits":{"cpu":"8"},"requests":{"cpu":"2"}},"containers":[\#(main)]"#)
                == PodResources(vcpus: 8, memoryMiB: 100))
    }

    @Test("are unknown for a pod without amounts, such as one that a webhook has emptied; the overhead does not count")
    func none() throws {
        let counted = container(#""kata.peerpods.io/vm":"1""#)
        #expect(
            try needed(#""overhead":{"cpu":"250m","memory":"120Mi"},"containers":[\#(counted)]"#) == PodResources())
        #expect(try needed(#""containers":[]"#) == PodResources())
        #expect(try needed("") == PodResources())
    }

    @Test("do not overflow, whatever the amounts are")
    func large() throws {
        let huge = container(#""cpu":"9e18","memory":"9999E""#)
        let many = Array(repeating: huge, count: 50).joined(separator: ",")
        let needed = try needed(#""containers":[\#(many)]"#)
        #expect(needed.vcpus ?? 0 > 1 << 40 && needed.memoryMiB ?? 0 > 1 << 30)
    }

    @Test("negative and meaningless amounts are errors", arguments: [#""-1""#, #""1.2.3""#, "[]", #""""#])
    func malformed(amount: String) {
        #expect(throws: JSONError.self) { try needed(#""containers":[\#(container(#""cpu":\#(amount)"#))]"#) }
    }
}
