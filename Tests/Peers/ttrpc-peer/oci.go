package main

import (
	"bytes"
	"fmt"

	"github.com/gogo/protobuf/proto"
)

// The two calls that the forwarder changes, as far as it changes them; XXX_unrecognized is
// where the library keeps all other fields.

type createSandboxRequest struct {
	Hostname         string   `protobuf:"bytes,1,opt,name=hostname,proto3"`
	DNS              []string `protobuf:"bytes,2,rep,name=dns,proto3"`
	SandboxID        string   `protobuf:"bytes,5,opt,name=sandbox_id,proto3"`
	XXX_unrecognized []byte   `json:"-"`
}

func (m *createSandboxRequest) Reset()         { *m = createSandboxRequest{} }
func (m *createSandboxRequest) String() string { return proto.CompactTextString(m) }
func (*createSandboxRequest) ProtoMessage()    {}

type createContainerRequest struct {
	ContainerID      string `protobuf:"bytes,1,opt,name=container_id,proto3"`
	OCI              *spec  `protobuf:"bytes,6,opt,name=oci,proto3"`
	XXX_unrecognized []byte `json:"-"`
}

func (m *createContainerRequest) Reset()         { *m = createContainerRequest{} }
func (m *createContainerRequest) String() string { return proto.CompactTextString(m) }
func (*createContainerRequest) ProtoMessage()    {}

// networks are the paths that the container enters as its network, by either name of the type; one
// that names none stays in that of the agent. Without a Linux part the agent makes no container.
func (m *createContainerRequest) networks() (paths []string) {
	if m.OCI == nil || m.OCI.Linux == nil {
		return nil
	}
	for _, namespace := range m.OCI.Linux.Namespaces {
		if namespace.Type == "network" || namespace.Type == "net" {
			paths = append(paths, namespace.Path)
		}
	}
	if len(paths) == 0 {
		paths = []string{"the agent's own"}
	}
	return paths
}

type spec struct {
	Version          string            `protobuf:"bytes,1,opt,name=version,proto3"`
	Annotations      map[string]string `protobuf:"bytes,7,rep,name=annotations,proto3" protobuf_key:"bytes,1,opt,name=key,proto3" protobuf_val:"bytes,2,opt,name=value,proto3"`
	Linux            *linux            `protobuf:"bytes,8,opt,name=linux,proto3"`
	XXX_unrecognized []byte            `json:"-"`
}

func (m *spec) Reset()         { *m = spec{} }
func (m *spec) String() string { return proto.CompactTextString(m) }
func (*spec) ProtoMessage()    {}

type linux struct {
	CgroupsPath      string       `protobuf:"bytes,5,opt,name=cgroups_path,proto3"`
	Namespaces       []*namespace `protobuf:"bytes,6,rep,name=namespaces,proto3"`
	XXX_unrecognized []byte       `json:"-"`
}

func (m *linux) Reset()         { *m = linux{} }
func (m *linux) String() string { return proto.CompactTextString(m) }
func (*linux) ProtoMessage()    {}

type namespace struct {
	Type string `protobuf:"bytes,1,opt,name=type,proto3"`
	Path string `protobuf:"bytes,2,opt,name=path,proto3"`
}

func (m *namespace) Reset()         { *m = namespace{} }
func (m *namespace) String() string { return proto.CompactTextString(m) }
func (*namespace) ProtoMessage()    {}

// unknownField is field 100 with these bytes: what a later version of kata may add.
func unknownField(content []byte) []byte {
	return append(append([]byte{0xa2, 0x06}, proto.EncodeVarint(uint64(len(content)))...), content...)
}

// rewrites asks the agent what it was sent. It needs the whole way: node end, forwarder, agent;
// -with is the network namespace that the forwarder is to name.
func (s *suite) rewrites() error {
	for _, size := range []int{0, 100, 3 << 20} {
		if err := s.rewrittenSandbox(unknownField(pattern(size))); err != nil {
			return err
		}
		if err := s.rewrittenContainer(unknownField(pattern(size))); err != nil {
			return err
		}
	}
	s.lives("rewritten calls")
	return nil
}

func (s *suite) rewrittenSandbox(extra []byte) error {
	request := &createSandboxRequest{
		Hostname: "pod", DNS: []string{"nameserver 10.0.0.10", "search cluster.local"}, SandboxID: "s1",
		XXX_unrecognized: extra,
	}
	if err := s.call(s.client, agentService, "CreateSandbox", request, &empty{}); err != nil {
		return err
	}
	var found createSandboxRequest
	if err := s.lastRequest("CreateSandbox", &found); err != nil {
		return err
	}
	s.expect(len(found.DNS) == 0, "CreateSandbox reaches the agent without DNS", "%v", found.DNS)
	s.expect(found.Hostname == "pod" && found.SandboxID == "s1" && bytes.Equal(found.XXX_unrecognized, extra),
		fmt.Sprintf("all else arrives, %d unknown bytes included", len(extra)), "%d bytes", len(found.XXX_unrecognized))
	return nil
}

func (s *suite) rewrittenContainer(extra []byte) error {
	small := unknownField([]byte("deep inside"))
	request := &createContainerRequest{
		ContainerID: "c1",
		OCI: &spec{
			Version: "1.1.0", Annotations: map[string]string{"a": "b", "c": "d"},
			Linux: &linux{
				CgroupsPath: "/kata/c1", Namespaces: []*namespace{{Type: "ipc"}, {Type: "mount"}},
				XXX_unrecognized: small,
			},
			XXX_unrecognized: small,
		},
		XXX_unrecognized: extra,
	}
	if err := s.call(s.client, agentService, "CreateContainer", request, &empty{}); err != nil {
		return err
	}
	var found createContainerRequest
	if err := s.lastRequest("CreateContainer", &found); err != nil {
		return err
	}
	request.OCI.Linux.Namespaces = append(request.OCI.Linux.Namespaces, &namespace{Type: "network", Path: s.other})
	s.expect(proto.Equal(&found, request), "CreateContainer reaches the agent with the pod's network namespace, and as it was else",
		"%v", found.OCI)
	return nil
}

func (s *suite) lastRequest(method string, message proto.Message) error {
	var payload raw
	if err := s.call(s.client, peerService, "LastRequest", &methodName{Name: method}, &payload); err != nil {
		return err
	}
	return proto.Unmarshal(payload.bytes, message)
}

// fidelity sends what only unchanged bytes survive: fields out of order, fields twice, groups.
func (s *suite) fidelity() error {
	odd := []byte{0x18, 0x01, 0x0a, 0x01, 'b', 0x0a, 0x01, 'a', 0xfb, 0x06, 0x08, 0x01, 0xfc, 0x06, 0x80, 0x01, 0x80, 0x00}
	for _, method := range []string{"StartContainer", "SomethingOfTheFuture"} {
		if err := s.call(s.client, agentService, method, &raw{odd}, &empty{}); err != nil {
			return err
		}
		var payload raw
		err := s.call(s.client, peerService, "LastRequest", &methodName{Name: method}, &payload)
		s.expect(err == nil && bytes.Equal(payload.bytes, odd), method+" arrives byte for byte", "%x, %v", payload.bytes, err)
	}
	return nil
}
