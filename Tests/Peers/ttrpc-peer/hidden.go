package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
	"syscall"

	"github.com/gogo/protobuf/proto"
)

// Calls that are written to be read in two ways: by a forwarder that looks at a part of them, and by the agent. Each
// asks for a container in the network namespace of the VM's own processes.

const foreignNamespace = "/proc/1/ns/net"

// field is a field of wire type 2.
func field(number int, content ...[]byte) []byte {
	all := bytes.Join(content, nil)
	head := append(proto.EncodeVarint(uint64(number)<<3|2), proto.EncodeVarint(uint64(len(all)))...)
	return append(head, all...)
}

// wide is a field whose tag has a bit above the 32 that some readers look at.
func wide(number int, content ...[]byte) []byte {
	plain := field(number, content...)
	return append(proto.EncodeVarint(1<<35|uint64(plain[0])), plain[1:]...)
}

// padded is a field whose tag and length have more bytes than they need.
func padded(number int, content ...[]byte) []byte {
	all := bytes.Join(content, nil)
	length := proto.EncodeVarint(uint64(len(all)))
	length[len(length)-1] |= 0x80
	return append(append([]byte{byte(number)<<3 | 2 | 0x80, 0x80, 0}, append(length, 0x80, 0)...), all...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func containerPayload(namespaces ...[]byte) []byte {
	return field(6, field(8, namespaces...))
}

func networkEntry(path string) []byte {
	return field(6, field(1, []byte("network")), field(2, []byte(path)))
}

// hiddenCalls are envelopes, by what is odd about them.
func hiddenCalls() map[string][]byte {
	agent, health := field(1, []byte(agentService)), field(1, []byte(healthService))
	start, create := field(2, []byte("StartContainer")), field(2, []byte("CreateContainer"))
	evil := containerPayload(networkEntry(foreignNamespace))
	payload, harmless := field(3, evil), field(3, field(1, []byte("c1")))
	linux := func(namespaces ...[]byte) []byte { return field(3, containerPayload(namespaces...)) }
	return map[string][]byte{
		"the method twice":                     join(agent, start, create, payload),
		"the method again after the payload":   join(agent, start, payload, create),
		"the method again as the first field":  join(start, agent, create, payload),
		"the service twice":                    join(health, create, agent, payload),
		"the service again after the payload":  join(health, create, payload, agent),
		"the service again, with padding":      join(health, create, payload, padded(1, []byte(agentService))),
		"the payload twice":                    join(agent, create, harmless, payload),
		"the method in a padded field":         join(agent, padded(2, []byte("CreateContainer")), payload),
		"the method in a wide field":           join(agent, wide(2, []byte("CreateContainer")), payload),
		"the method again in a wide field":     join(agent, start, payload, wide(2, []byte("CreateContainer"))),
		"the names last":                       join(payload, create, agent),
		"the names last, and one twice":        join(payload, create, health, agent),
		"a group with the method in it":        join(agent, []byte{0x33}, create, []byte{0x34}, create, payload),
		"a group that another one ends":        join(agent, []byte{0x33}, start, []byte{0x3c}, create, payload),
		"another wire type before the method":  join(agent, []byte{0x10, 1}, create, payload),
		"other fields before the names":        join([]byte{0x20, 1, 0xa0, 6, 1}, create, agent, payload),
		"a second timeout":                     join([]byte{0x20, 1}, agent, create, payload, []byte{0x20, 2}),
		"the specification in two pieces":      join(agent, create, field(3, containerPayload(), evil)),
		"the specification in a wide field":    join(agent, create, field(3, containerPayload(), wide(6, field(8, networkEntry(foreignNamespace))))),
		"the Linux part in two pieces":         join(agent, create, field(3, field(6, field(8), field(8, networkEntry(foreignNamespace))))),
		"many namespaces":                      join(agent, create, linux(networkEntry("/run/netns/podns"), networkEntry(foreignNamespace))),
		"a namespace of two types":             join(agent, create, linux(field(6, field(1, []byte("ipc")), field(2, []byte(foreignNamespace)), field(1, []byte("network"))))),
		"a namespace of two paths":             join(agent, create, linux(field(6, field(1, []byte("network")), field(2), field(2, []byte(foreignNamespace))))),
		"a namespace with padding":             join(agent, create, linux(padded(6, padded(1, []byte("network")), padded(2, []byte(foreignNamespace))))),
		"a namespace by the type's other name": join(agent, create, linux(field(6, field(1, []byte("net")), field(2, []byte(foreignNamespace))))),
		"a namespace with a wide path":         join(agent, create, linux(field(6, field(1, []byte("network")), wide(2, []byte(foreignNamespace))))),
		"no network namespace":                 join(agent, create, linux(field(6, field(1, []byte("ipc"))))),
		"no namespaces":                        join(agent, create, linux()),
	}
}

// hidden sends each of them, and asks which network namespaces the agent took. With -with only that namespace is
// correct; without, the calls have to reach the agent unchanged, which shows that refusing them is necessary.
func (s *suite) hidden() error {
	var names []string
	for name := range hiddenCalls() {
		names = append(names, name)
	}
	sort.Strings(names)
	foreign := 0
	for _, name := range names {
		var before, after namespacesResponse
		if err := s.call(s.client, peerService, "Namespaces", &empty{}, &before); err != nil {
			return err
		}
		if err := s.sendAlone(frame(1, requestFrame, 0, hiddenCalls()[name])); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := s.call(s.client, peerService, "Namespaces", &empty{}, &after); err != nil {
			return err
		}
		taken := after.Paths[len(before.Paths):]
		if s.other == "" {
			for _, path := range taken {
				if path != "/run/netns/podns" {
					foreign++
					break
				}
			}
			continue
		}
		isOne := len(taken) == 0 || len(taken) == 1 && taken[0] == s.other
		s.expect(isOne, name+": the agent takes the pod's network namespace, or has no such call", "%q", taken)
	}
	if s.other == "" {
		s.expect(foreign >= 15, "without a forwarder the calls lead out of the pod's network", "%d of %d", foreign, len(names))
	}
	s.lives("all of them, on others")
	return nil
}

// sendAlone sends a frame on a connection of its own, and returns when it is answered or the connection is over.
func (s *suite) sendAlone(frame []byte) error {
	connection, err := s.dialRaw()
	if err != nil {
		return err
	}
	defer connection.Close()
	if _, err := connection.Write(frame); err != nil {
		return err
	}
	if _, _, _, err = readFrame(connection); errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	return err
}
