package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

const hypervisorService = "hypervisor.Hypervisor"

type versionMessage struct {
	Version string `protobuf:"bytes,1,opt,name=version,proto3"`
}

func (m *versionMessage) Reset()         { *m = versionMessage{} }
func (m *versionMessage) String() string { return fmt.Sprintf("%+v", *m) }
func (*versionMessage) ProtoMessage()    {}

type createVMRequest struct {
	ID                   string            `protobuf:"bytes,1,opt,name=id,proto3"`
	Annotations          map[string]string `protobuf:"bytes,2,rep,name=annotations,proto3" protobuf_key:"bytes,1,opt,name=key,proto3" protobuf_val:"bytes,2,opt,name=value,proto3"`
	NetworkNamespacePath string            `protobuf:"bytes,3,opt,name=networkNamespacePath,proto3"`
}

func (m *createVMRequest) Reset()         { *m = createVMRequest{} }
func (m *createVMRequest) String() string { return fmt.Sprintf("%+v", *m) }
func (*createVMRequest) ProtoMessage()    {}

type createVMResponse struct {
	AgentSocketPath string `protobuf:"bytes,1,opt,name=agentSocketPath,proto3"`
}

func (m *createVMResponse) Reset()         { *m = createVMResponse{} }
func (m *createVMResponse) String() string { return fmt.Sprintf("%+v", *m) }
func (*createVMResponse) ProtoMessage()    {}

type idRequest struct {
	ID string `protobuf:"bytes,1,opt,name=id,proto3"`
}

func (m *idRequest) Reset()         { *m = idRequest{} }
func (m *idRequest) String() string { return fmt.Sprintf("%+v", *m) }
func (*idRequest) ProtoMessage()    {}

type getInfoRequest struct {
	PodName      string `protobuf:"bytes,1,opt,name=PodName,proto3"`
	PodNamespace string `protobuf:"bytes,2,opt,name=PodNamespace,proto3"`
	Wait         bool   `protobuf:"varint,3,opt,name=Wait,proto3"`
}

func (m *getInfoRequest) Reset()         { *m = getInfoRequest{} }
func (m *getInfoRequest) String() string { return fmt.Sprintf("%+v", *m) }
func (*getInfoRequest) ProtoMessage()    {}

type getInfoResponse struct {
	VMID string `protobuf:"bytes,1,opt,name=VMID,proto3"`
}

func (m *getInfoResponse) Reset()         { *m = getInfoResponse{} }
func (m *getInfoResponse) String() string { return fmt.Sprintf("%+v", *m) }
func (*getInfoResponse) ProtoMessage()    {}

// sandboxList is the answer of our own peerpod.v1.Sandboxes/List.
type sandboxList struct {
	Sandboxes []*sandbox `protobuf:"bytes,1,rep,name=sandboxes,proto3"`
}

func (m *sandboxList) Reset()         { *m = sandboxList{} }
func (m *sandboxList) String() string { return fmt.Sprintf("%v", m.Sandboxes) }
func (*sandboxList) ProtoMessage()    {}

type sandbox struct {
	ID    string `protobuf:"bytes,1,opt,name=id,proto3"`
	State string `protobuf:"bytes,4,opt,name=state,proto3"`
}

func (m *sandbox) Reset()         { *m = sandbox{} }
func (m *sandbox) String() string { return fmt.Sprintf("%+v", *m) }
func (*sandbox) ProtoMessage()    {}

// once calls as kata's shim does: a connection for each call.
func (s *suite) once(timeout time.Duration, service, method string, request, response interface{}) error {
	client, err := s.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return client.Call(ctx, service, method, request, response)
}

// createRequest has the annotations that kata's Go shim sends, and no others.
func createRequest(id, namespacePath string) *createVMRequest {
	const hypervisor = "io.katacontainers.config.hypervisor."
	return &createVMRequest{
		ID: id, NetworkNamespacePath: namespacePath,
		Annotations: map[string]string{
			"io.kubernetes.cri.sandbox-name":      "nginx",
			"io.kubernetes.cri.sandbox-namespace": "default",
			hypervisor + "machine_type":           "", hypervisor + "image": "",
			hypervisor + "default_vcpus": "0", hypervisor + "default_memory": "0",
			hypervisor + "default_gpus": "0", hypervisor + "default_gpu_model": "", hypervisor + "cc_init_data": "",
		},
	}
}

// hypervisor lives a pod's life as the shim does; -with is a network namespace that exists.
func (s *suite) hypervisor() error {
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	var version versionMessage
	if err := s.once(time.Minute, hypervisorService, "Version", &versionMessage{Version: "0.0.0"}, &version); err != nil {
		return err
	}
	s.expect(version.Version != "", "Version answers", "%+v", version)

	for _, bad := range []string{"", "../x", "/", "a/b", "nul\x00", ".hidden", strings.Repeat("a", 129)} {
		err := s.once(time.Minute, hypervisorService, "CreateVM", createRequest(bad, s.other), &createVMResponse{})
		s.expectStatus(err, codes.InvalidArgument, fmt.Sprintf("the sandbox id %.20q is refused", bad))
	}
	nameless := createRequest("nameless", s.other)
	delete(nameless.Annotations, "io.kubernetes.cri.sandbox-name")
	err := s.once(time.Minute, hypervisorService, "CreateVM", nameless, &createVMResponse{})
	s.expectStatus(err, codes.InvalidArgument, "a sandbox without a pod's name is refused")
	err = s.once(time.Minute, hypervisorService, "StartVM", &idRequest{ID: "unknown"}, &empty{})
	s.expectStatus(err, codes.NotFound, "StartVM of an unknown sandbox is NOT_FOUND")
	err = s.once(time.Second, hypervisorService, "StopVM", &idRequest{ID: "unknown"}, &empty{})
	s.expectStatus(err, codes.OK, "StopVM of an unknown sandbox is done")

	var created createVMResponse
	if err := s.once(time.Minute, hypervisorService, "CreateVM", createRequest(id, s.other), &created); err != nil {
		return err
	}
	s.expect(created.AgentSocketPath != "" && len(created.AgentSocketPath) <= 107,
		"CreateVM answers with a path that fits a socket", "%q", created.AgentSocketPath)
	var repeated createVMResponse
	err = s.once(time.Minute, hypervisorService, "CreateVM", createRequest(id, s.other), &repeated)
	s.expect(err == nil && repeated.AgentSocketPath == created.AgentSocketPath,
		"the same CreateVM again has the same answer", "%+v, %v", repeated, err)
	different := createRequest(id, s.other)
	different.Annotations["io.kubernetes.cri.sandbox-name"] = "other"
	err = s.once(time.Minute, hypervisorService, "CreateVM", different, &createVMResponse{})
	s.expectStatus(err, codes.AlreadyExists, "another CreateVM for the same sandbox is refused")
	for _, what := range []string{"StartVM succeeds", "StartVM of a running sandbox succeeds"} {
		err = s.once(time.Minute, hypervisorService, "StartVM", &idRequest{ID: id}, &empty{})
		s.expectStatus(err, codes.OK, what)
	}
	var info getInfoResponse
	err = s.once(time.Minute, "podvminfo.PodVMInfo", "GetInfo", &getInfoRequest{PodName: "nginx", PodNamespace: "default"}, &info)
	s.expect(err == nil && info.VMID != "", "the pod's VM is known by the pod's name", "%+v, %v", info, err)
	err = s.once(100*time.Millisecond, "podvminfo.PodVMInfo", "GetInfo",
		&getInfoRequest{PodName: "other", PodNamespace: "default", Wait: true}, &info)
	s.expectStatus(err, codes.DeadlineExceeded, "waiting for another pod's VM ends with the deadline")

	if err := s.once(time.Second, hypervisorService, "StopVM", &idRequest{ID: id}, &empty{}); err != nil {
		return err
	}
	err = s.once(time.Second, hypervisorService, "StopVM", &idRequest{ID: id}, &empty{})
	s.expectStatus(err, codes.OK, "StopVM once more is done")
	return nil
}

// startHangup closes its connection, as a dying shim does, while the cloud creates its VM without end.
func (s *suite) startHangup() error { return s.abandonedStart("hangs-up", (*suite).hangUpInStart) }

// startDeadline gives up instead: the library's server side must see the deadline itself.
func (s *suite) startDeadline() error { return s.abandonedStart("gives-up", (*suite).giveUpStart) }

func (s *suite) abandonedStart(id string, abandon func(*suite, string) error) error {
	if err := s.once(time.Minute, hypervisorService, "CreateVM", createRequest(id, s.other), &createVMResponse{}); err != nil {
		return err
	}
	if err := abandon(s, id); err != nil {
		return err
	}
	s.untilState(id, "")
	err := s.once(time.Second, hypervisorService, "StopVM", &idRequest{ID: id}, &empty{})
	s.expectStatus(err, codes.OK, "StopVM afterwards, as the shim does it, is done")
	return nil
}

func (s *suite) hangUpInStart(id string) error {
	client, err := s.dial()
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		ended <- client.Call(context.Background(), hypervisorService, "StartVM", &idRequest{ID: id}, &empty{})
	}()
	s.untilState(id, "creating")
	client.Close()
	s.expect(<-ended != nil, "a call without a connection fails", "success")
	return nil
}

func (s *suite) giveUpStart(id string) error {
	err := s.once(200*time.Millisecond, hypervisorService, "StartVM", &idRequest{ID: id}, &empty{})
	s.expectStatus(err, codes.DeadlineExceeded, "StartVM ends with its deadline")
	return nil
}

// untilState polls until a sandbox is in a state; "" is for gone.
func (s *suite) untilState(id, state string) {
	found := "?"
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && found != state; time.Sleep(2 * time.Millisecond) {
		var list sandboxList
		if err := s.once(time.Minute, "peerpod.v1.Sandboxes", "List", &empty{}, &list); err != nil {
			found = err.Error()
			break
		}
		found = ""
		for _, sandbox := range list.Sandboxes {
			if sandbox.ID == id {
				found = sandbox.State
			}
		}
	}
	s.expect(found == state, fmt.Sprintf("the sandbox comes to be %q", state), "%q", found)
}
