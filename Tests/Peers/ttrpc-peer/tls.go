package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
)

// tlsEnd is one end of the tunnel as the Go programs make it: the adaptor dials, the forwarder
// listens.
type tlsEnd struct {
	dial, serve            string
	ca, certificate, key   string
	serverName             string
	minVersion, maxVersion string
	protocols              string
}

// tlsReport is what an end says about the connection it had.
type tlsReport struct {
	OK      bool   `json:"ok"`
	Error   string `json:"error,omitempty"`
	Version string `json:"version,omitempty"`
	Suite   string `json:"suite,omitempty"`
	Peer    string `json:"peer,omitempty"`
	Resumed bool   `json:"resumed"`
	Line    string `json:"line,omitempty"`
	ALPN    string `json:"alpn,omitempty"`
}

var tlsVersions = map[string]uint16{"": 0, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

func runTLS(arguments []string) error {
	var end tlsEnd
	flags := flag.NewFlagSet("tls", flag.ExitOnError)
	flags.StringVar(&end.dial, "dial", "", "HOST:PORT to connect to, as the adaptor does")
	flags.StringVar(&end.serve, "serve", "", "HOST:PORT to listen on, as the forwarder does; the port is told on stderr")
	end.register(flags)
	flags.Parse(arguments)

	configuration, err := end.configuration()
	if err != nil {
		return err
	}
	var report *tlsReport
	if end.dial != "" {
		report = end.connect(configuration)
	} else {
		report, err = end.accept(configuration)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}

func (end *tlsEnd) register(flags *flag.FlagSet) {
	flags.StringVar(&end.ca, "ca", "", "PEM file of who is trusted")
	flags.StringVar(&end.certificate, "certificate", "", "PEM file of our own certificate")
	flags.StringVar(&end.key, "key", "", "PEM file of its key (PKCS#8)")
	flags.StringVar(&end.serverName, "server-name", "", "the name that the server must have (dial)")
	flags.StringVar(&end.protocols, "alpn", "", "application protocols, with commas between; the Go programs have none")
	flags.StringVar(&end.minVersion, "min", "", "1.2 or 1.3")
	flags.StringVar(&end.maxVersion, "max", "", "1.2 or 1.3")
}

// listenOn listens on a unix socket, or with TLS, as the forwarder does, on HOST:PORT.
func (end *tlsEnd) listenOn(address string) (net.Listener, error) {
	if strings.HasPrefix(address, "/") {
		return net.Listen("unix", address)
	}
	configuration, err := end.configuration()
	if err != nil {
		return nil, err
	}
	return tls.Listen("tcp", address, configuration)
}

// connectTo dials a unix socket, or with TLS, as the adaptor does, HOST:PORT.
func (end *tlsEnd) connectTo(address string) (net.Conn, error) {
	if strings.HasPrefix(address, "/") {
		return net.Dial("unix", address)
	}
	configuration, err := end.configuration()
	if err != nil {
		return nil, err
	}
	return tls.Dial("tcp", address, configuration)
}

func (end *tlsEnd) configuration() (*tls.Config, error) {
	configuration := &tls.Config{
		MinVersion: tlsVersions[end.minVersion], MaxVersion: tlsVersions[end.maxVersion], ServerName: end.serverName,
	}
	if configuration.MinVersion == 0 {
		configuration.MinVersion = tls.VersionTLS12
	}
	if end.protocols != "" {
		configuration.NextProtos = strings.Split(end.protocols, ",")
	}
	if end.certificate != "" {
		pair, err := tls.LoadX509KeyPair(end.certificate, end.key)
		if err != nil {
			return nil, err
		}
		configuration.Certificates = []tls.Certificate{pair}
	}
	if end.ca != "" {
		pem, err := os.ReadFile(end.ca)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, errors.New(end.ca + " has no certificate")
		}
		configuration.RootCAs, configuration.ClientCAs = pool, pool
		configuration.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return configuration, nil
}

// connect says a line, and hears it again.
func (end *tlsEnd) connect(configuration *tls.Config) *tlsReport {
	connection, err := tls.Dial("tcp", end.dial, configuration)
	if err != nil {
		return &tlsReport{Error: err.Error()}
	}
	defer connection.Close()
	if _, err := fmt.Fprintln(connection, "hello"); err != nil {
		return &tlsReport{Error: err.Error()}
	}
	return describeTLS(connection, nil)
}

// accept serves one connection: it answers a line with that line.
func (end *tlsEnd) accept(configuration *tls.Config) (*tlsReport, error) {
	listener, err := net.Listen("tcp", end.serve)
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	fmt.Fprintln(os.Stderr, listener.Addr())
	accepted, err := listener.Accept()
	if err != nil {
		return nil, err
	}
	connection := tls.Server(accepted, configuration)
	defer connection.Close()
	return describeTLS(connection, func(line string) error {
		_, err := fmt.Fprintln(connection, line)
		return err
	}), nil
}

func describeTLS(connection *tls.Conn, answer func(line string) error) *tlsReport {
	line, _, err := bufio.NewReader(connection).ReadLine()
	if err == nil && answer != nil {
		err = answer(string(line))
	}
	if err != nil {
		return &tlsReport{Error: err.Error()}
	}
	state := connection.ConnectionState()
	report := &tlsReport{OK: true, Suite: tls.CipherSuiteName(state.CipherSuite), Resumed: state.DidResume, Line: string(line), ALPN: state.NegotiatedProtocol}
	for name, version := range tlsVersions {
		if version == state.Version {
			report.Version = name
		}
	}
	if len(state.PeerCertificates) > 0 {
		subject := state.PeerCertificates[0].Subject
		report.Peer = fmt.Sprintf("%v", subject)
	}
	return report
}
