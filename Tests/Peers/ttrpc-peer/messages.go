package main

import (
	"fmt"

	"github.com/containerd/ttrpc"
)

// Kata's messages, as far as the checks need them; field numbers as in its .proto files.
// The library's reflection does the rest, as it does for generated code.

type empty struct{}

func (*empty) Reset()         {}
func (*empty) String() string { return "{}" }
func (*empty) ProtoMessage()  {}

// raw is a payload that goes in and out as it is.
type raw struct{ bytes []byte }

func (m *raw) Reset()                    { m.bytes = nil }
func (m *raw) String() string            { return fmt.Sprintf("%x", m.bytes) }
func (*raw) ProtoMessage()               {}
func (m *raw) Marshal() ([]byte, error)  { return m.bytes, nil }
func (m *raw) Unmarshal(in []byte) error { m.bytes = append([]byte(nil), in...); return nil }

type checkRequest struct {
	Service string `protobuf:"bytes,1,opt,name=service,proto3"`
}

func (m *checkRequest) Reset()         { *m = checkRequest{} }
func (m *checkRequest) String() string { return fmt.Sprintf("%+v", *m) }
func (*checkRequest) ProtoMessage()    {}

const serving = 1

type checkResponse struct {
	Status int32 `protobuf:"varint,1,opt,name=status,proto3"`
}

func (m *checkResponse) Reset()         { *m = checkResponse{} }
func (m *checkResponse) String() string { return fmt.Sprintf("%+v", *m) }
func (*checkResponse) ProtoMessage()    {}

type versionCheckResponse struct {
	GrpcVersion  string `protobuf:"bytes,1,opt,name=grpc_version,proto3"`
	AgentVersion string `protobuf:"bytes,2,opt,name=agent_version,proto3"`
}

func (m *versionCheckResponse) Reset()         { *m = versionCheckResponse{} }
func (m *versionCheckResponse) String() string { return fmt.Sprintf("%+v", *m) }
func (*versionCheckResponse) ProtoMessage()    {}

// processRequest serves WaitProcess, SignalProcess, ReadStdout and WriteStdin: the first two
// fields are the same, the third is told by its type.
type processRequest struct {
	ContainerID string `protobuf:"bytes,1,opt,name=container_id,proto3"`
	ExecID      string `protobuf:"bytes,2,opt,name=exec_id,proto3"`
	Number      uint32 `protobuf:"varint,3,opt,name=number,proto3"` // len, or signal
}

func (m *processRequest) Reset()         { *m = processRequest{} }
func (m *processRequest) String() string { return fmt.Sprintf("%+v", *m) }
func (*processRequest) ProtoMessage()    {}

type waitProcessResponse struct {
	Status int32 `protobuf:"varint,1,opt,name=status,proto3"`
}

func (m *waitProcessResponse) Reset()         { *m = waitProcessResponse{} }
func (m *waitProcessResponse) String() string { return fmt.Sprintf("%+v", *m) }
func (*waitProcessResponse) ProtoMessage()    {}

type readStreamResponse struct {
	Data []byte `protobuf:"bytes,1,opt,name=data,proto3"`
}

func (m *readStreamResponse) Reset()         { *m = readStreamResponse{} }
func (m *readStreamResponse) String() string { return fmt.Sprintf("%d bytes", len(m.Data)) }
func (*readStreamResponse) ProtoMessage()    {}

type writeStreamRequest struct {
	ContainerID string `protobuf:"bytes,1,opt,name=container_id,proto3"`
	ExecID      string `protobuf:"bytes,2,opt,name=exec_id,proto3"`
	Data        []byte `protobuf:"bytes,3,opt,name=data,proto3"`
}

func (m *writeStreamRequest) Reset()         { *m = writeStreamRequest{} }
func (m *writeStreamRequest) String() string { return fmt.Sprintf("%d bytes", len(m.Data)) }
func (*writeStreamRequest) ProtoMessage()    {}

type writeStreamResponse struct {
	Len uint32 `protobuf:"varint,1,opt,name=len,proto3"`
}

func (m *writeStreamResponse) Reset()         { *m = writeStreamResponse{} }
func (m *writeStreamResponse) String() string { return fmt.Sprintf("%+v", *m) }
func (*writeStreamResponse) ProtoMessage()    {}

// What peer.Peer, a service of these tests alone, says.

type countersResponse struct {
	Blocked   uint32 `protobuf:"varint,1,opt,name=blocked,proto3"`
	Cancelled uint32 `protobuf:"varint,2,opt,name=cancelled,proto3"`
}

func (m *countersResponse) Reset()         { *m = countersResponse{} }
func (m *countersResponse) String() string { return fmt.Sprintf("%+v", *m) }
func (*countersResponse) ProtoMessage()    {}

type namespacesResponse struct {
	Paths []string `protobuf:"bytes,1,rep,name=paths,proto3"`
}

func (m *namespacesResponse) Reset()         { *m = namespacesResponse{} }
func (m *namespacesResponse) String() string { return fmt.Sprintf("%q", m.Paths) }
func (*namespacesResponse) ProtoMessage()    {}

type descriptionResponse struct {
	Metadata    []*ttrpc.KeyValue `protobuf:"bytes,1,rep,name=metadata,proto3"`
	RemainingMS int64             `protobuf:"varint,2,opt,name=remaining_ms,proto3"`
}

func (m *descriptionResponse) Reset()         { *m = descriptionResponse{} }
func (m *descriptionResponse) String() string { return fmt.Sprintf("%+v", *m) }
func (*descriptionResponse) ProtoMessage()    {}

type methodName struct {
	Name string `protobuf:"bytes,1,opt,name=name,proto3"`
}

func (m *methodName) Reset()         { *m = methodName{} }
func (m *methodName) String() string { return fmt.Sprintf("%+v", *m) }
func (*methodName) ProtoMessage()    {}
