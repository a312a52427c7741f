package main

import (
	"bytes"
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/containerd/ttrpc"
	"github.com/gogo/protobuf/proto"
	"github.com/golang/protobuf/ptypes/any"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const frameLimit = 4 << 20

func (s *suite) unary() error {
	for i := 0; i < 500; i++ {
		if err := s.check(s.client); err != nil {
			return fmt.Errorf("Check %d: %w", i, err)
		}
	}
	s.expect(true, "500 calls one after another are answered", "")
	var version versionCheckResponse
	err := s.call(s.client, healthService, "Version", &checkRequest{}, &version)
	s.expect(err == nil && version.AgentVersion != "", "Version answers", "%+v, %v", version, err)
	return nil
}

// sizes goes up to the last byte that a frame may have.
func (s *suite) sizes() error {
	overhead := func(payload int) int {
		request, _ := proto.Marshal(&ttrpc.Request{Service: peerService, Method: "Echo", Payload: make([]byte, payload),
			TimeoutNano: int64(30 * time.Second)})
		return len(request) - payload
	}
	largest := frameLimit - overhead(frameLimit-100)
	for _, size := range []int{0, 1, 127, 128, 4096, 32 << 10, 65535, 65536, 1 << 20, largest} {
		sent := pattern(size)
		var answer raw
		err := s.call(s.client, peerService, "Echo", &raw{sent}, &answer)
		s.expect(err == nil && bytes.Equal(sent, answer.bytes),
			fmt.Sprintf("%d bytes come back as they went", size), "%d bytes, %v", len(answer.bytes), err)
	}
	return nil
}

func (s *suite) deadline() error {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	err := s.client.Call(ctx, agentService, "WaitProcess", &processRequest{ContainerID: "deadline"}, &waitProcessResponse{})
	s.expectStatus(err, codes.DeadlineExceeded, "a call ends with its deadline")
	s.expect(time.Since(start) < 10*time.Second, "it ends soon", "%v", time.Since(start))
	s.until("the handler is cancelled by the deadline too", func(c *countersResponse) bool {
		return c.Blocked == 0 && c.Cancelled == 1
	})

	// The library stops waiting by itself; a bare frame shows what the server says.
	connection, err := s.dialRaw()
	if err != nil {
		return err
	}
	defer connection.Close()
	answer, err := exchange(connection, 1, &ttrpc.Request{
		Service: agentService, Method: "WaitProcess", TimeoutNano: int64(50 * time.Millisecond)})
	if err != nil {
		return err
	}
	s.expect(codes.Code(answer.Status.GetCode()) == codes.DeadlineExceeded, "the server answers DEADLINE_EXCEEDED",
		"%v", answer.Status)

	var description descriptionResponse
	if err := s.call(s.client, peerService, "Describe", &empty{}, &description); err != nil {
		return err
	}
	s.expect(description.RemainingMS > 10_000 && description.RemainingMS <= 30_000,
		"the handler sees the deadline that was set", "%d ms", description.RemainingMS)
	description = descriptionResponse{}
	err = s.client.Call(context.Background(), peerService, "Describe", &empty{}, &description)
	s.expect(err == nil && description.RemainingMS == 0, "without a deadline there is none", "%+v, %v", description, err)
	s.lives("a deadline")
	return nil
}

// hangup closes a connection with calls in flight. Numbers of the Go adaptor: it never
// cancels them.
func (s *suite) hangup() error {
	const calls = 10
	leaving, err := s.dial()
	if err != nil {
		return err
	}
	ended := make(chan error, calls)
	for i := 0; i < calls; i++ {
		go func() {
			ended <- leaving.Call(context.Background(), agentService, "WaitProcess",
				&processRequest{ContainerID: "hangup"}, &waitProcessResponse{})
		}()
	}
	s.until("all calls have reached the agent", func(c *countersResponse) bool { return c.Blocked == calls })
	leaving.Close()
	for i := 0; i < calls; i++ {
		if err := <-ended; err == nil {
			s.expect(false, "a call that lost its connection fails", "success")
		}
	}
	s.until("all calls were cancelled at the agent", func(c *countersResponse) bool {
		return c.Blocked == 0 && c.Cancelled == calls
	})
	s.lives("another's hang-up")
	return nil
}

func (s *suite) oversizedRequest() error {
	for _, size := range []int{frameLimit, frameLimit + 1, 6 << 20} {
		err := s.call(s.client, peerService, "Echo", &raw{pattern(size)}, &raw{})
		s.expectStatus(err, codes.ResourceExhausted, fmt.Sprintf("a request of %d bytes is refused", size))
		s.lives("it")
	}
	return nil
}

// oversizedAnswer is for a server that refuses to send one. Version 1.1 of the library sends
// it as a server, and panics over it as a client.
func (s *suite) oversizedAnswer() error {
	for _, size := range []uint32{frameLimit, 6 << 20} {
		var answer readStreamResponse
		err := s.call(s.client, agentService, "ReadStdout", &processRequest{Number: size}, &answer)
		s.expectStatus(err, codes.ResourceExhausted, fmt.Sprintf("an answer of %d bytes is refused", size))
		s.lives("it")
	}
	return nil
}

func (s *suite) blocked() error {
	const calls = 100
	type end struct {
		index  int
		status int32
		err    error
	}
	ends := make(chan end, calls)
	for i := 0; i < calls; i++ {
		go func(i int) {
			var answer waitProcessResponse
			err := s.call(s.client, agentService, "WaitProcess", &processRequest{ContainerID: fmt.Sprint(i)}, &answer)
			ends <- end{i, answer.Status, err}
		}(i)
	}
	s.until("100 calls are blocked at once", func(c *countersResponse) bool { return c.Blocked == calls })
	for i := 0; i < 100; i++ {
		if err := s.check(s.client); err != nil {
			return err
		}
	}
	s.expect(true, "others are answered meanwhile", "")
	for i := calls - 1; i >= 0; i-- {
		request := &processRequest{ContainerID: fmt.Sprint(i), Number: uint32(i + 1)}
		if err := s.call(s.client, agentService, "SignalProcess", request, &empty{}); err != nil {
			return err
		}
		if end := <-ends; end.err != nil || end.index != i || end.status != int32(i+1) {
			return fmt.Errorf("released %d, and %+v ended", i, end)
		}
	}
	s.expect(true, "each ends when, and as, it is told", "")
	return nil
}

func (s *suite) metadata() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ctx = ttrpc.WithMetadata(ctx, ttrpc.MD{
		"containerd-namespace-ttrpc": {"k8s.io"},
		"twice":                      {"first", "second"},
		"empty":                      {""},
		"Grüße":                      {"日本"},
	})
	var description descriptionResponse
	if err := s.client.Call(ctx, peerService, "Describe", &empty{}, &description); err != nil {
		return err
	}
	var found []string
	for _, entry := range description.Metadata {
		found = append(found, entry.Key+"="+entry.Value)
	}
	sort.Strings(found)
	wanted := "Grüße=日本 containerd-namespace-ttrpc=k8s.io empty= twice=first twice=second"
	s.expect(strings.Join(found, " ") == wanted, "metadata arrives, repeated keys included", "%s", strings.Join(found, " "))
	return nil
}

func (s *suite) statuses() error {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		sent := &spb.Status{Code: int32(code), Message: "nicht möglich: " + code.String(), Details: []*any.Any{
			{TypeUrl: "type.googleapis.com/peer.First", Value: []byte{0, 1, 2, 255}},
			{TypeUrl: "type.googleapis.com/peer.Second"},
		}}
		err := s.call(s.client, peerService, "Fail", sent, &empty{})
		found := status.Convert(err).Proto()
		s.expect(proto.Equal(found, sent), "code, message and details arrive: "+code.String(), "%v", found)
	}
	err := s.call(s.client, agentService, "ReadStdout", &processRequest{ContainerID: "ended", Number: 1}, &readStreamResponse{})
	s.expect(status.Code(err) == codes.OutOfRange && status.Convert(err).Message() == "EOF",
		"the end of a stream is the agent's own error", "%v", err)
	s.lives("errors")
	return nil
}

func (s *suite) interleaved() error {
	whole := pattern(3 << 20)
	var workers sync.WaitGroup
	failures := make(chan error, 1000)
	work := func(times int, body func(i int) error) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for i := 0; i < times; i++ {
				if err := body(i); err != nil {
					failures <- err
					return
				}
			}
		}()
	}
	for worker := 0; worker < 4; worker++ {
		work(6, func(i int) error {
			size := len(whole) - i
			var answer readStreamResponse
			err := s.call(s.client, agentService, "ReadStdout", &processRequest{Number: uint32(size)}, &answer)
			if err == nil && !bytes.Equal(answer.Data, whole[:size]) {
				err = fmt.Errorf("%d bytes read, not %d as they should be", len(answer.Data), size)
			}
			return err
		})
		work(6, func(i int) error {
			var answer raw
			err := s.call(s.client, peerService, "Echo", &raw{whole[i:]}, &answer)
			if err == nil && !bytes.Equal(answer.bytes, whole[i:]) {
				err = fmt.Errorf("%d bytes echoed, not %d as they should be", len(answer.bytes), len(whole)-i)
			}
			return err
		})
		work(200, func(int) error { return s.check(s.client) })
	}
	workers.Wait()
	close(failures)
	for err := range failures {
		return err
	}
	s.expect(true, "big and small calls at once are all answered right", "")
	return nil
}

func (s *suite) unknown() error {
	err := s.call(s.client, agentService, "NoSuchMethod", &empty{}, &empty{})
	s.expectStatus(err, codes.Unimplemented, "an unknown method is UNIMPLEMENTED")
	err = s.call(s.client, "no.such.Service", "Check", &empty{}, &empty{})
	s.expectStatus(err, codes.Unimplemented, "an unknown service is UNIMPLEMENTED")
	s.lives("both")
	return nil
}

// refused runs against a forwarder that permits only a shim's calls: its answers come between the agent's frames.
func (s *suite) refused() error {
	whole := pattern(3 << 20)
	var workers sync.WaitGroup
	failures := make(chan error, 100)
	workers.Add(1)
	go func() {
		defer workers.Done()
		for i := 0; i < 12; i++ {
			var answer readStreamResponse
			err := s.call(s.client, agentService, "ReadStdout", &processRequest{Number: uint32(len(whole) - i)}, &answer)
			if err == nil && !bytes.Equal(answer.Data, whole[:len(whole)-i]) {
				err = fmt.Errorf("%d bytes read, not %d as they should be", len(answer.Data), len(whole)-i)
			}
			if err != nil {
				failures <- err
			}
		}
	}()
	for i := 0; i < 60; i++ {
		err := s.call(s.client, agentService, "SetPolicy", &empty{}, &empty{})
		if status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), "grpc.AgentService/SetPolicy") {
			failures <- fmt.Errorf("SetPolicy answered: %v", err)
		}
		if err := s.check(s.client); err != nil {
			failures <- err
		}
	}
	workers.Wait()
	close(failures)
	for err := range failures {
		return err
	}
	s.expect(true, "a refused call is PERMISSION_DENIED and names the call, and the agent's big answers are whole", "")
	s.lives("refused calls")
	return nil
}
