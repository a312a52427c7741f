package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
)

// apfConfig is the forwarder's document with the keys of the Go programs.
type apfConfig struct {
	PodNetwork      *podNetwork `json:"pod-network"`
	PodNamespace    string      `json:"pod-namespace"`
	PodName         string      `json:"pod-name"`
	TLSServerKey    string      `json:"tls-server-key,omitempty"`
	TLSServerCert   string      `json:"tls-server-cert,omitempty"`
	TLSClientCA     string      `json:"tls-client-ca,omitempty"`
	TLSMinVersion   string      `json:"tls-min-version,omitempty"`
	TLSCipherSuites []string    `json:"tls-cipher-suites,omitempty"`
}

// Addresses are of the types that the Go programs have, so that it is Go's own text of them that is read and written.
type podNetwork struct {
	PodIP            netip.Prefix `json:"podip"`
	PodHwAddr        string       `json:"pod-hw-addr"`
	Interface        string       `json:"interface"`
	WorkerNodeIP     netip.Prefix `json:"worker-node-ip"`
	TunnelType       string       `json:"tunnel-type"`
	Routes           []*route     `json:"routes"`
	Neighbors        []*neighbor  `json:"neighbors"`
	MTU              int          `json:"mtu"`
	Index            int          `json:"index"`
	VXLANPort        int          `json:"vxlan-port,omitempty"`
	VXLANID          int          `json:"vxlan-id,omitempty"`
	Dedicated        bool         `json:"dedicated"`
	ExternalViaPodVM bool         `json:"external-net-via-pod-vm"`
}

type route struct {
	Dst      netip.Prefix `json:"dst"`
	GW       netip.Addr   `json:"gw"`
	Dev      string       `json:"dev,omitempty"`
	Protocol string       `json:"protocol,omitempty"`
	Scope    string       `json:"scope,omitempty"`
}

type neighbor struct {
	IP     netip.Addr `json:"ip"`
	HwAddr string     `json:"hw-addr"`
	Dev    string     `json:"dev"`
	State  string     `json:"state"`
}

// runAPF reads a document from stdin and writes it to stdout: as another Go program would pass
// it on, so that whatever one side does not understand of the other is gone. With --user-data,
// stdin is what a cloud gives its VM, and the document is looked for in it as the Go guest does.
func runAPF(arguments []string) error {
	flags := flag.NewFlagSet("apf", flag.ExitOnError)
	isUserData := flags.Bool("user-data", false, "read base64 of a cloud-config")
	asUserData := flags.Bool("as-user-data", false, "write base64 of a cloud-config")
	strict := flags.Bool("strict", true, "refuse keys that the Go programs do not know")
	recording := flags.String("recording", "", "read nothing, and write this: "+strings.Join(recordings(), ", "))
	flags.Parse(arguments)

	if *recording != "" {
		return record(*recording)
	}
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	if *isUserData {
		if input, err = findDocument(string(input)); err != nil {
			return err
		}
	}
	decoder := json.NewDecoder(strings.NewReader(string(input)))
	if *strict {
		decoder.DisallowUnknownFields()
	}
	var document apfConfig
	if err := decoder.Decode(&document); err != nil {
		return err
	}
	output, err := json.MarshalIndent(&document, "", "    ")
	if err != nil {
		return err
	}
	if *asUserData {
		output = []byte(base64.StdEncoding.EncodeToString(cloudConfig(map[string]string{"/run/peerpod/apf.json": string(output)})))
	}
	_, err = os.Stdout.Write(output)
	return err
}

// cloudConfig writes files the way the Go adaptor does.
func cloudConfig(files map[string]string) []byte {
	text := "#cloud-config\n\nwrite_files:\n"
	for path, content := range files {
		text += "  - path: " + path + "\n    content: |\n"
		for _, line := range strings.Split(strings.TrimSuffix(content, "\n"), "\n") {
			text += "      " + line + "\n"
		}
	}
	return []byte(text)
}

// findDocument reads only the shape of YAML that the Go adaptor writes.
func findDocument(userData string) ([]byte, error) {
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(userData))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(decoded), "\n")
	if len(lines) < 3 || lines[0] != "#cloud-config" || lines[1] != "" || lines[2] != "write_files:" {
		return nil, errors.New("this does not begin as a cloud-config does")
	}
	var document []string
	isInside := false
	for _, line := range lines[3:] {
		switch {
		case strings.HasPrefix(line, "  - path: "):
			isInside = strings.TrimPrefix(line, "  - path: ") == "/run/peerpod/apf.json"
		case line == "    content: |" || line == "":
		case strings.HasPrefix(line, "      "):
			if isInside {
				document = append(document, line[6:])
			}
		default:
			return nil, fmt.Errorf("a line that is not part of a file: %q", line)
		}
	}
	return []byte(strings.Join(document, "\n")), nil
}
