internal import JSON

extension FakeKubernetes {
    /// Adds a Node object as a kubelet registers it.
    package func addNode(_ name: String) {
        insert(
            [
                "metadata": ["name": .string(name), "labels": ["kubernetes.io/hostname": .string(name)]],
                "spec": [:],
                "status": [
                    "capacity": ["cpu": "4", "memory": "16Gi", "pods": "110"],
                    "allocatable": ["cpu": "4", "memory": "16Gi", "pods": "110"],
                    "conditions": [["type": "Ready", "status": "True"]],
                ],
            ], "nodes")
    }
}
