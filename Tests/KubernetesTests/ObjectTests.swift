import JSON
import Kubernetes
import Telemetry
import Testing

@Suite("Kubernetes objects")
struct ObjectTests {
    @Test(
        "quantities",
        arguments: [
            ("500m", 500), ("1", 1000), ("1.5", 1500), ("2Gi", 2_147_483_648_000), ("1k", 1_000_000),
            ("1e3", 1_000_000),
            ("100n", 1), ("0", 0), ("999999E", .max), ("16.1", 16_100), ("16100m", 16_100), ("0.57", 570), ("1.", 1000),
            (".5", 500), ("107374182400m", 107_374_182_400), ("1.0000000000000000001", 1001), ("8Ei", .max),
            ("0.1Gi", 107_374_182_400), ("9000000000000000", 9_000_000_000_000_000_000),
            ("123456789012345678901", .max),
        ] as [(String, Int64)])
    func quantities(text: String, thousandths: Int64) {
        #expect(Quantity(text)?.thousandths == thousandths)
    }

    @Test("texts that are no quantities", arguments: ["", "-1", "x", "1x", "1.2.3", "1Gi ", "e", "1e99", "Mi"])
    func notQuantities(text: String) { #expect(Quantity(text) == nil) }

    @Test("a pod's containers, secrets and ServiceAccount")
    func pod() throws {
        let pod = try ClusterPod(
            try JSONNode(
                JSONValue(
                    parsing: """
                        {"metadata":{"name":"p","namespace":"n","uid":"u","annotations":{"a":"b"}},
                         "spec":{"serviceAccountName":"","imagePullSecrets":[{"name":"s"},{}],"nodeName":"w",
                          "initContainers":[{"image":"i","restartPolicy":"Always"}],
                          "containers":[{"image":"x/y:1","resources":{"requests":{"cpu":"500m"},"limits":{"cpu":2}}}]}}
                        """)
            ).members)
        #expect(pod.serviceAccount == "default")
        #expect(pod.imagePullSecrets == ["s"])
        #expect(pod.containers[0].resources.limits["cpu"]?.roundedUp == 2)
        #expect(pod.containers[0].resources.requests["cpu"]?.roundedUp == 1)
        #expect(pod.initContainers[0].isSidecar)
        #expect(pod.metadata.annotations == ["a": "b"])
    }

    @Test("a secret's values are decoded, and hidden")
    func secret() throws {
        let secret = try ClusterSecret(
            JSONNode([
                "metadata": ["name": "s"], "type": "kubernetes.io/dockerconfigjson",
                "data": [".dockerconfigjson": "e30="],
            ]).members)
        #expect(secret.data[".dockerconfigjson"]?.reveal() == Array("{}".utf8))
        #expect("\(secret)".contains("123") == false)
        #expect(throws: JSONError.self) {
            try ClusterSecret(JSONNode(["metadata": ["name": "s"], "data": ["k": "%"]]).members)
        }
    }
}
