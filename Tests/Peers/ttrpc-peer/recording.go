package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sort"
)

// A Go adaptor has addresses from netlink as net.IP and net.IPNet, and makes netip's of them. An
// IPv4 address in a net.IP has four bytes or sixteen, and netip keeps the difference.

// documents are the networks of a pod whose default route is as netlink gives it (a net.IPv4zero),
// and of one whose every address has sixteen bytes, with masks of either length.
var documents = map[string]*podNetwork{
	"netlink": {
		PodIP: prefixOf(net.IP{10, 244, 0, 19}, 24, 32), WorkerNodeIP: prefixOf(net.IP{10, 0, 0, 4}, 24, 32),
		Routes: []*route{
			{Dst: prefixOf(net.IPv4zero, 0, 32), GW: addressOf(net.IP{10, 244, 0, 1}), Dev: "eth0", Protocol: "boot"},
			{Dst: prefixOf(net.IP{10, 244, 0, 0}, 24, 32), Dev: "eth0", Protocol: "kernel", Scope: "link"},
		},
		Neighbors: []*neighbor{
			{IP: addressOf(net.IP{10, 244, 0, 1}), HwAddr: "0a:58:0a:f4:00:01", Dev: "eth0", State: "permanent"},
		},
	},
	"mapped": {
		PodIP: prefixOf(net.IPv4(10, 244, 0, 19), 24, 32), WorkerNodeIP: prefixOf(net.IPv4(10, 0, 0, 4), 120, 128),
		Routes: []*route{
			{Dst: prefixOf(net.IPv4zero, 0, 32), GW: addressOf(net.IPv4(10, 244, 0, 1)), Dev: "eth0", Protocol: "boot"},
			{Dst: prefixOf(net.IPv4(10, 244, 0, 0), 120, 128), Dev: "eth0", Protocol: "kernel", Scope: "link"},
		},
		Neighbors: []*neighbor{
			{IP: addressOf(net.IPv4(10, 244, 0, 1)), HwAddr: "0a:58:0a:f4:00:01", Dev: "eth0", State: "permanent"},
		},
	},
}

func addressOf(ip net.IP) netip.Addr {
	address, _ := netip.AddrFromSlice(ip)
	return address
}

func prefixOf(ip net.IP, ones, bits int) netip.Prefix {
	network := net.IPNet{IP: ip, Mask: net.CIDRMask(ones, bits)}
	length, _ := network.Mask.Size()
	return netip.PrefixFrom(addressOf(network.IP), length)
}

func recordings() (names []string) {
	for name := range documents {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func record(name string) error {
	network := documents[name]
	if network == nil {
		return fmt.Errorf("there is no recording %q", name)
	}
	network.PodHwAddr, network.Interface, network.TunnelType = "0a:58:0a:f4:00:13", "eth0", "vxlan"
	network.MTU, network.Index, network.VXLANPort, network.VXLANID = 1450, 3, 4789, 555003
	output, err := json.MarshalIndent(
		&apfConfig{PodNetwork: network, PodNamespace: "default", PodName: "nginx"}, "", "    ")
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(append(output, '\n'))
	return err
}
