package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// suite is one run of one check; what it finds wrong goes out as a JSON line each.
type suite struct {
	socket   string
	security tlsEnd
	other    string // what else the check needs to know
	client   *ttrpc.Client
	lines    *json.Encoder
	name     string
	results  int
}

// result is one line of a check's output: what was expected, and whether it was so.
type result struct {
	Check  string `json:"check"`
	Expect string `json:"expect"`
	OK     bool   `json:"ok"`
	Found  string `json:"found,omitempty"`
}

var checks = map[string]func(*suite) error{
	"unary":             (*suite).unary,
	"sizes":             (*suite).sizes,
	"deadline":          (*suite).deadline,
	"hangup":            (*suite).hangup,
	"oversized-request": (*suite).oversizedRequest,
	"oversized-answer":  (*suite).oversizedAnswer,
	"oversized-relayed": (*suite).oversizedRelayed,
	"blocked":           (*suite).blocked,
	"metadata":          (*suite).metadata,
	"statuses":          (*suite).statuses,
	"interleaved":       (*suite).interleaved,
	"unknown":           (*suite).unknown,
	"refused":           (*suite).refused,
	"frames":            (*suite).frames,
	"stream-ids":        (*suite).streamIDs,
	"drip":              (*suite).drip,
	"garbage":           (*suite).garbage,
	"idle":              (*suite).idle,
	"malformed":         (*suite).malformed,
	"rewrites":          (*suite).rewrites,
	"hidden":            (*suite).hidden,
	"hypervisor":        (*suite).hypervisor,
	"start-hangup":      (*suite).startHangup,
	"start-deadline":    (*suite).startDeadline,
	"fidelity":          (*suite).fidelity,
}

func runClient(arguments []string) error {
	flags := flag.NewFlagSet("client", flag.ExitOnError)
	socket := flags.String("socket", "", "the unix socket, or with TLS the HOST:PORT, to connect to")
	name := flags.String("check", "", strings.Join(checkNames(), ", "))
	other := flags.String("with", "", "what else the check needs to know (see there)")
	var security tlsEnd
	security.register(flags)
	flags.Parse(arguments)

	check := checks[*name]
	if check == nil {
		return fmt.Errorf("no check '%s': there are %s", *name, strings.Join(checkNames(), ", "))
	}
	s := &suite{socket: *socket, security: security, other: *other, lines: json.NewEncoder(os.Stdout), name: *name}
	client, err := s.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	s.client = client
	if err := check(s); err != nil {
		s.expect(false, "the check runs to its end", "%v", err)
	}
	s.expect(s.results > 0, "the check looks at something", "nothing")
	return nil
}

func checkNames() (names []string) {
	for name := range checks {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (s *suite) expect(ok bool, expectation, found string, arguments ...interface{}) {
	line := result{Check: s.name, Expect: expectation, OK: ok}
	if !ok {
		line.Found = fmt.Sprintf(found, arguments...)
	}
	s.results++
	s.lines.Encode(line)
}

// expectStatus compares what is known of an error, whichever side of the wire it comes from.
func (s *suite) expectStatus(err error, code codes.Code, expectation string) {
	s.expect(codeOf(err) == code, expectation, "%v (code %v)", err, codeOf(err))
}

func codeOf(err error) codes.Code {
	switch {
	case err == nil:
		return codes.OK
	case errors.Is(err, context.DeadlineExceeded):
		return codes.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		return codes.Canceled
	}
	return status.Code(err)
}

// lives is said after each mistreatment: the same connection still serves.
func (s *suite) lives(after string) {
	err := s.check(s.client)
	s.expect(err == nil, "the connection lives on after "+after, "%v", err)
}

// call has a deadline that only a hanging peer reaches.
func (s *suite) call(client *ttrpc.Client, service, method string, request, response interface{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return client.Call(ctx, service, method, request, response)
}

func (s *suite) check(client *ttrpc.Client) error {
	var response checkResponse
	err := s.call(client, healthService, "Check", &checkRequest{}, &response)
	if err == nil && response.Status != serving {
		err = fmt.Errorf("Check answered %d", response.Status)
	}
	return err
}

func (s *suite) counters() (*countersResponse, error) {
	var response countersResponse
	return &response, s.call(s.client, peerService, "Counters", &empty{}, &response)
}

// until polls what another process is about to say.
func (s *suite) until(expectation string, isSo func(*countersResponse) bool) {
	var last *countersResponse
	var err error
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if last, err = s.counters(); err != nil || isSo(last) {
			break
		}
	}
	s.expect(err == nil && isSo(last), expectation, "%+v, %v", last, err)
}

// dial opens one more connection.
func (s *suite) dial() (*ttrpc.Client, error) {
	connection, err := s.security.connectTo(s.socket)
	if err != nil {
		return nil, err
	}
	return ttrpc.NewClient(connection), nil
}

// dialRaw opens one for bytes of our own making.
func (s *suite) dialRaw() (net.Conn, error) {
	connection, err := s.security.connectTo(s.socket)
	if err == nil {
		err = connection.SetDeadline(time.Now().Add(30 * time.Second))
	}
	return connection, err
}
