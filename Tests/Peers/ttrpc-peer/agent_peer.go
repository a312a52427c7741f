package main

import (
	"context"
	"time"

	"github.com/containerd/ttrpc"
	"github.com/gogo/protobuf/proto"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
)

// registerPeer adds what only these tests ask for.
func (a *agent) registerPeer(server *ttrpc.Server, agentMethods map[string]ttrpc.Method) {
	for _, method := range []string{"CreateSandbox", "CreateContainer", "StartContainer", "SomethingOfTheFuture"} {
		agentMethods[method] = a.record(method)
	}
	server.Register(peerService, map[string]ttrpc.Method{
		"Echo":        echo,
		"Fail":        fail,
		"Describe":    describe,
		"Counters":    a.counters,
		"LastRequest": a.lastRequest,
		"Namespaces":  a.namespaces,
	})
}

func (a *agent) record(method string) ttrpc.Method {
	return func(_ context.Context, unmarshal func(interface{}) error) (interface{}, error) {
		var request raw
		if err := unmarshal(&request); err != nil {
			return nil, err
		}
		a.mutex.Lock()
		defer a.mutex.Unlock()
		a.requests[method] = request.bytes
		if method != "CreateContainer" {
			return &empty{}, nil
		}
		var container createContainerRequest
		if err := proto.Unmarshal(request.bytes, &container); err != nil {
			return nil, err
		}
		a.taken = append(a.taken, container.networks()...)
		return &empty{}, nil
	}
}

// namespaces are the paths of all that containers were to enter as their network.
func (a *agent) namespaces(_ context.Context, unmarshal func(interface{}) error) (interface{}, error) {
	if err := unmarshal(&empty{}); err != nil {
		return nil, err
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return &namespacesResponse{Paths: a.taken}, nil
}

func (a *agent) lastRequest(_ context.Context, unmarshal func(interface{}) error) (interface{}, error) {
	var request methodName
	if err := unmarshal(&request); err != nil {
		return nil, err
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return &raw{a.requests[request.Name]}, nil
}

func echo(_ context.Context, unmarshal func(interface{}) error) (interface{}, error) {
	var request raw
	err := unmarshal(&request)
	return &request, err
}

func fail(_ context.Context, unmarshal func(interface{}) error) (interface{}, error) {
	var request spb.Status
	if err := unmarshal(&request); err != nil {
		return nil, err
	}
	return nil, status.ErrorProto(&request)
}

// describe says what the handler knows of its call in addition to the request.
func describe(ctx context.Context, unmarshal func(interface{}) error) (interface{}, error) {
	if err := unmarshal(&empty{}); err != nil {
		return nil, err
	}
	var answer descriptionResponse
	if metadata, ok := ttrpc.GetMetadata(ctx); ok {
		for key, values := range metadata {
			for _, value := range values {
				answer.Metadata = append(answer.Metadata, &ttrpc.KeyValue{Key: key, Value: value})
			}
		}
	}
	if deadline, ok := ctx.Deadline(); ok {
		answer.RemainingMS = time.Until(deadline).Milliseconds()
	}
	return &answer, nil
}

func (a *agent) counters(_ context.Context, unmarshal func(interface{}) error) (interface{}, error) {
	if err := unmarshal(&empty{}); err != nil {
		return nil, err
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return &countersResponse{Blocked: uint32(a.waiting), Cancelled: uint32(a.cancelled)}, nil
}
