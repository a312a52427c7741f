package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	healthService = "grpc.Health"
	agentService  = "grpc.AgentService"
	peerService   = "peer.Peer"
)

// agent answers as the kata agent does, without any process behind it.
type agent struct {
	pattern []byte // what every stream consists of

	mutex     sync.Mutex
	blocked   map[string][]chan int32 // WaitProcess calls by process, until SignalProcess
	waiting   int
	cancelled int
	requests  map[string][]byte // the last payload of each method that is only recorded
	taken     []string          // the network namespaces of all containers
}

func serveAgent(arguments []string) error {
	flags := flag.NewFlagSet("agent", flag.ExitOnError)
	socket := flags.String("socket", "", "the unix socket, or with TLS the HOST:PORT, to listen on")
	var security tlsEnd
	security.register(flags)
	flags.Parse(arguments)

	listener, err := security.listenOn(*socket)
	if err != nil {
		return err
	}
	server, err := ttrpc.NewServer()
	if err != nil {
		return err
	}
	newAgent().register(server)

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		server.Close()
	}()
	fmt.Fprintln(os.Stderr, "serving", listener.Addr()) // the process that started this one waits for it
	if err := server.Serve(context.Background(), listener); err != ttrpc.ErrServerClosed {
		return err
	}
	return nil
}

func newAgent() *agent {
	return &agent{
		pattern:  pattern(8 << 20),
		blocked:  map[string][]chan int32{},
		requests: map[string][]byte{},
	}
}

// pattern makes bytes that tell when one is lost, repeated or moved.
func pattern(length int) []byte {
	bytes := make([]byte, length)
	for i := range bytes {
		bytes[i] = byte(i % 251)
	}
	return bytes
}

func (a *agent) register(server *ttrpc.Server) {
	server.Register(healthService, map[string]ttrpc.Method{
		"Check": func(_ context.Context, unmarshal func(interface{}) error) (interface{}, error) {
			if err := unmarshal(&checkRequest{}); err != nil {
				return nil, err
			}
			return &checkResponse{Status: serving}, nil
		},
		"Version": func(_ context.Context, unmarshal func(interface{}) error) (interface{}, error) {
			return &versionCheckResponse{GrpcVersion: "0.0.1", AgentVersion: "ttrpc-peer"}, unmarshal(&checkRequest{})
		},
	})
	methods := map[string]ttrpc.Method{
		"ReadStdout":    a.readStdout,
		"WriteStdin":    writeStdin,
		"WaitProcess":   a.waitProcess,
		"SignalProcess": a.signalProcess,
	}
	a.registerPeer(server, methods)
	server.Register(agentService, methods)
}

// readStdout answers with as many bytes as asked for, however many that are.
func (a *agent) readStdout(_ context.Context, unmarshal func(interface{}) error) (interface{}, error) {
	var request processRequest
	if err := unmarshal(&request); err != nil {
		return nil, err
	}
	if request.ContainerID == "ended" {
		return nil, status.Error(codes.OutOfRange, "EOF")
	}
	if int(request.Number) > len(a.pattern) {
		return nil, status.Error(codes.InvalidArgument, "more than this agent has")
	}
	return &readStreamResponse{Data: a.pattern[:request.Number]}, nil
}

func writeStdin(_ context.Context, unmarshal func(interface{}) error) (interface{}, error) {
	var request writeStreamRequest
	if err := unmarshal(&request); err != nil {
		return nil, err
	}
	return &writeStreamResponse{Len: uint32(len(request.Data))}, nil
}

// waitProcess blocks until SignalProcess for the same process, or until its call is cancelled.
func (a *agent) waitProcess(ctx context.Context, unmarshal func(interface{}) error) (interface{}, error) {
	var request processRequest
	if err := unmarshal(&request); err != nil {
		return nil, err
	}
	ended := make(chan int32, 1)
	process := request.ContainerID + "/" + request.ExecID
	a.mutex.Lock()
	a.blocked[process] = append(a.blocked[process], ended)
	a.waiting++
	a.mutex.Unlock()

	select {
	case exit := <-ended:
		a.leave(false)
		return &waitProcessResponse{Status: exit}, nil
	case <-ctx.Done():
		a.leave(true)
		return nil, ctx.Err()
	}
}

func (a *agent) leave(isCancelled bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.waiting--
	if isCancelled {
		a.cancelled++
	}
}

// signalProcess ends the process' waits; the signal is the exit status.
func (a *agent) signalProcess(_ context.Context, unmarshal func(interface{}) error) (interface{}, error) {
	var request processRequest
	if err := unmarshal(&request); err != nil {
		return nil, err
	}
	process := request.ContainerID + "/" + request.ExecID
	a.mutex.Lock()
	waits := a.blocked[process]
	delete(a.blocked, process)
	a.mutex.Unlock()
	for _, ended := range waits {
		ended <- int32(request.Number)
	}
	return &empty{}, nil
}
