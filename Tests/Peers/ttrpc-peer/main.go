// ttrpc-peer is the other side of our wire: a client, an agent and a load generator made of
// containerd's own ttrpc, and of Go's own crypto/tls and encoding/json.
//
//	ttrpc-peer agent   --socket PATH                        a stand-in for the kata agent
//	ttrpc-peer client  --socket PATH --check NAME           one scripted check, results as JSON lines
//	ttrpc-peer load    --socket PATH --scenario NAME ...    a measurement, as one JSON object
//	ttrpc-peer tls     --serve | --dial ...                 a TLS end as the Go adaptor or forwarder makes it
//	ttrpc-peer apf     [--user-data] [--as-user-data]          apf.json as the Go programs read and write it
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/sirupsen/logrus"
)

var modes = map[string]func(arguments []string) error{
	"agent":  serveAgent,
	"client": runClient,
	"load":   generateLoad,
	"tls":    runTLS,
	"apf":    runAPF,
}

func main() {
	// The library logs each lost connection, which is what half of the checks are about.
	logrus.SetOutput(io.Discard)
	if len(os.Args) < 2 || modes[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: ttrpc-peer agent|client|load|tls|apf [flags]; each knows -help")
		os.Exit(2)
	}
	if err := modes[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "ttrpc-peer %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
