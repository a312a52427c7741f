import PodVMBoot

/// Documents in the shape in which Go's encoding/json (MarshalIndent, four spaces) writes them.
enum Golden {
    static let full = #"""
        {
            "pod-network": {
                "podip": "10.244.0.19/24",
                "pod-hw-addr": "0a:58:0a:f4:00:13",
                "interface": "eth0",
                "worker-node-ip": "10.0.0.4/24",
                "tunnel-type": "vxlan",
                "routes": [
                    {
                        "dst": "0.0.0.0/0",
                        "gw": "10.244.0.1",
                        "dev": "eth0",
                        "protocol": "boot"
                    },
                    {
                        "dst": "10.244.0.0/24",
                        "gw": "",
                        "dev": "eth0",
                        "protocol": "kernel",
                        "scope": "link"
                    },
                    {
                        "dst": "",
                        "gw": "10.244.0.1"
                    }
                ],
                "neighbors": [
                    {
                        "ip": "10.244.0.1",
                        "hw-addr": "8e:7c:1d:00:5f:a1",
                        "dev": "eth0",
                        "state": "permanent"
                    }
                ],
                "mtu": 1450,
                "index": 3,
                "vxlan-port": 4789,
                "vxlan-id": 555003,
                "dedicated": false,
                "external-net-via-pod-vm": false
            },
            "pod-namespace": "default",
            "pod-name": "nginx",
            "tls-server-key": "-----BEGIN PRIVATE KEY-----\nTUlHSEFnRUFN\n-----END PRIVATE KEY-----\n",
            "tls-server-cert": "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n",
            "tls-client-ca": "-----BEGIN CERTIFICATE-----\nQ0E=\n-----END CERTIFICATE-----\n",
            "tls-min-version": "VersionTLS12",
            "tls-cipher-suites": [
                "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
            ]
        }

        """#

    /// What Go writes when next to nothing is set: nil slices are `null`, what is empty is left out.
    static let sparse = #"""
        {
            "pod-network": {
                "podip": "10.244.0.19/24",
                "pod-hw-addr": "0a:58:0a:f4:00:13",
                "interface": "eth0",
                "worker-node-ip": "10.0.0.4/24",
                "tunnel-type": "vxlan",
                "routes": null,
                "neighbors": null,
                "mtu": 1500,
                "index": 0,
                "dedicated": true,
                "external-net-via-pod-vm": true
            },
            "pod-namespace": "",
            "pod-name": "nginx"
        }
        """#

    static func document() throws -> BootDocument { try BootDocument(parsing: Array(full.utf8)) }
}
