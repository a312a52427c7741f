package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/containerd/ttrpc"
	"github.com/gogo/protobuf/proto"
	"google.golang.org/grpc/codes"
)

// What no library would send: frames by hand, on connections of their own.

const (
	requestFrame  = 1
	responseFrame = 2
	dataFrame     = 3
)

func frame(stream uint32, kind, flags byte, data []byte) []byte {
	head := make([]byte, 10, 10+len(data))
	binary.BigEndian.PutUint32(head, uint32(len(data)))
	binary.BigEndian.PutUint32(head[4:], stream)
	head[8], head[9] = kind, flags
	return append(head, data...)
}

func requestBytes(stream uint32, request *ttrpc.Request) []byte {
	data, err := proto.Marshal(request)
	if err != nil {
		panic(err)
	}
	return frame(stream, requestFrame, 0, data)
}

func checkBytes(stream uint32) []byte {
	return requestBytes(stream, &ttrpc.Request{Service: healthService, Method: "Check"})
}

func readFrame(connection net.Conn) (stream uint32, kind byte, data []byte, err error) {
	var head [10]byte
	if _, err = io.ReadFull(connection, head[:]); err != nil {
		return
	}
	data = make([]byte, binary.BigEndian.Uint32(head[:]))
	_, err = io.ReadFull(connection, data)
	return binary.BigEndian.Uint32(head[4:]), head[8], data, err
}

func readResponse(connection net.Conn, stream uint32) (*ttrpc.Response, error) {
	found, kind, data, err := readFrame(connection)
	if err != nil {
		return nil, err
	}
	if found != stream || kind != responseFrame {
		return nil, fmt.Errorf("a frame of kind %d on stream %d instead of a response on %d", kind, found, stream)
	}
	var response ttrpc.Response
	return &response, proto.Unmarshal(data, &response)
}

func exchange(connection net.Conn, stream uint32, request *ttrpc.Request) (*ttrpc.Response, error) {
	if _, err := connection.Write(requestBytes(stream, request)); err != nil {
		return nil, err
	}
	return readResponse(connection, stream)
}

// answersTo writes bytes, then expects the answer to a Check on the stream to come first.
func (s *suite) answersTo(connection net.Conn, stream uint32, expectation string, bytes ...[]byte) {
	for _, some := range bytes {
		if _, err := connection.Write(some); err != nil {
			s.expect(false, expectation, "%v", err)
			return
		}
	}
	answer, err := exchange(connection, stream, &ttrpc.Request{Service: healthService, Method: "Check"})
	s.expect(err == nil && answer.Status.GetCode() == 0, expectation, "%v, %v", answer, err)
}

// frames of the kinds that must be ignored. One of them ends the Go adaptor.
func (s *suite) frames() error {
	connection, err := s.dialRaw()
	if err != nil {
		return err
	}
	defer connection.Close()
	s.answersTo(connection, 1, "data for a stream that was never opened is ignored", frame(77, dataFrame, 0, []byte("stray")))
	s.answersTo(connection, 3, "data for a finished stream is ignored", frame(1, dataFrame, 0x01, []byte("late")))
	s.answersTo(connection, 5, "data without data is ignored", frame(79, dataFrame, 0x05, nil))
	s.answersTo(connection, 7, "an unknown kind of frame is ignored", frame(81, 9, 0, []byte("of the future")))
	s.answersTo(connection, 9, "kind 0 is ignored", frame(83, 0, 0xff, nil))
	s.answersTo(connection, 11, "a response from a client is ignored", frame(1, responseFrame, 0, []byte{0x12, 0}))

	if _, err := connection.Write(frame(14, requestFrame, 0, checkBytes(14)[10:])); err != nil {
		return err
	}
	answer, err := readResponse(connection, 14)
	s.expect(err == nil && codes.Code(answer.Status.GetCode()) == codes.InvalidArgument,
		"an even stream is refused with INVALID_ARGUMENT", "%v, %v", answer, err)
	s.answersTo(connection, 15, "the connection lives on after all that")
	return nil
}

// malformed is a request that is not protobuf. A server answers it; a forwarder lets no such request through.
func (s *suite) malformed() error {
	connection, err := s.dialRaw()
	if err != nil {
		return err
	}
	defer connection.Close()
	if _, err := connection.Write(frame(1, requestFrame, 0, []byte{0xff, 0xff, 0xff})); err != nil {
		return err
	}
	answer, err := readResponse(connection, 1)
	s.expect(err == nil && answer.Status.GetCode() != 0, "a request that is not protobuf is answered with an error",
		"%v, %v", answer, err)
	s.answersTo(connection, 3, "the connection lives on after it")
	return nil
}

// streamIDs must grow; version 1.1 of the library does not look, later ones do, and ours does.
func (s *suite) streamIDs() error {
	connection, err := s.dialRaw()
	if err != nil {
		return err
	}
	defer connection.Close()
	s.answersTo(connection, 101, "the first stream may have any odd id")
	for _, id := range []uint32{101, 99, 1} {
		answer, err := exchange(connection, id, &ttrpc.Request{Service: healthService, Method: "Check"})
		s.expect(err == nil && codes.Code(answer.Status.GetCode()) == codes.InvalidArgument,
			fmt.Sprintf("stream %d after 101 is refused with INVALID_ARGUMENT", id), "%v, %v", answer, err)
	}
	s.answersTo(connection, 4294967295, "the last id there is serves")
	return nil
}

// oversizedRelayed wants an answer that an agent should not have sent, as it was sent: a tunnel
// is not there to judge.
func (s *suite) oversizedRelayed() error {
	connection, err := s.dialRaw()
	if err != nil {
		return err
	}
	defer connection.Close()
	payload, _ := proto.Marshal(&processRequest{Number: 6 << 20})
	request := requestBytes(1, &ttrpc.Request{Service: agentService, Method: "ReadStdout", Payload: payload})
	if _, err := connection.Write(request); err != nil {
		return err
	}
	stream, kind, data, err := readFrame(connection)
	s.expect(err == nil && stream == 1 && kind == responseFrame && len(data) > 6<<20, "6 MiB arrive in one frame",
		"kind %d on stream %d, %d bytes, %v", kind, stream, len(data), err)
	s.answersTo(connection, 3, "the connection lives on after it")
	return nil
}

func (s *suite) drip() error {
	connection, err := s.dialRaw()
	if err != nil {
		return err
	}
	defer connection.Close()
	for _, stream := range []uint32{1, 3} {
		for _, some := range checkBytes(stream) {
			if _, err := connection.Write([]byte{some}); err != nil {
				return err
			}
			if err := s.check(s.client); err != nil {
				return fmt.Errorf("another client, meanwhile: %w", err)
			}
		}
		answer, err := readResponse(connection, stream)
		s.expect(err == nil && answer.Status.GetCode() == 0, "a request that came in drips is answered", "%v, %v", answer, err)
	}
	return nil
}

func (s *suite) garbage() error {
	for name, bytes := range map[string][]byte{
		"an HTTP request":                       []byte("GET / HTTP/1.1\r\nHost: socket\r\n\r\n"),
		"half a header":                         {0, 0, 0},
		"half a frame":                          frame(1, requestFrame, 0, make([]byte, 1000))[:500],
		"a frame of 4 GiB":                      {255, 255, 255, 255, 0, 0, 0, 1, 1, 0, 1, 2, 3},
		"an oversized frame that never arrives": {1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 2, 3},
		"ones":                                  []byte(strings.Repeat("\xff", 100_000)),
	} {
		connection, err := s.dialRaw()
		if err != nil {
			return err
		}
		// A peer that receives such frames may close before all of them are written.
		connection.Write(bytes)
		s.lives(name + " on another")
		connection.Close()
		s.lives(name + " on another, closed since")
	}
	return nil
}

// idle keeps 1000 connections that say nothing, and some that stop within a frame.
func (s *suite) idle() error {
	const many = 1000
	var connections []net.Conn
	defer func() {
		for _, connection := range connections {
			connection.Close()
		}
	}()
	for i := 0; i < many; i++ {
		connection, err := s.dialRaw()
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		connections = append(connections, connection)
		if i%4 == 0 {
			connection.Write(frame(1, requestFrame, 0, make([]byte, 100))[:i%100])
		}
	}
	start := time.Now()
	newcomer, err := s.dial()
	if err != nil {
		return err
	}
	defer newcomer.Close()
	err = s.check(newcomer)
	s.expect(err == nil, "a newcomer is served beside 1000 idle connections", "%v", err)
	s.expect(time.Since(start) < 15*time.Second, "and soon", "%v", time.Since(start))
	s.lives("1000 idle others")
	return nil
}
