package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/containerd/ttrpc"
)

// load is what to measure, and for how long.
type load struct {
	socket   string
	scenario string
	inflight int
	size     int
	seconds  float64
	count    int
	warmup   int
	pause    time.Duration
}

// measurement is what came out; the latencies are those of the calls that succeeded.
type measurement struct {
	Scenario string  `json:"scenario"`
	Inflight int     `json:"inflight"`
	Size     int     `json:"size"`
	Calls    int     `json:"calls"`
	Seconds  float64 `json:"seconds"`
	RPS      float64 `json:"rps"`
	MBPS     float64 `json:"mbps"`
	P50      float64 `json:"p50_us"`
	P90      float64 `json:"p90_us"`
	P99      float64 `json:"p99_us"`
	Errors   int     `json:"errors"`
	Error    string  `json:"error,omitempty"`
}

const (
	mixedReaders  = 8
	mixedReadSize = 1 << 20
)

func generateLoad(arguments []string) error {
	var l load
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	flags.StringVar(&l.socket, "socket", "", "the unix socket of an agent, or of a tunnel to one")
	flags.StringVar(&l.scenario, "scenario", "check-seq", "check-seq, check-conc, read, connect or mixed")
	flags.IntVar(&l.inflight, "inflight", 1, "calls at once on the one connection (check-conc, read)")
	flags.IntVar(&l.size, "size", 4096, "bytes of an answer (read)")
	flags.Float64Var(&l.seconds, "seconds", 3, "how long, when there is no count")
	flags.IntVar(&l.count, "count", 0, "how many calls in all")
	flags.DurationVar(&l.pause, "pause", 0, "how long each caller waits after a call")
	flags.IntVar(&l.warmup, "warmup", 200, "calls before that do not count")
	flags.Parse(arguments)

	result, err := l.measure()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

func (l *load) measure() (*measurement, error) {
	switch l.scenario {
	case "check-seq":
		l.inflight, l.size = 1, 0
	case "check-conc":
		l.size = 0
	case "read":
	case "connect":
		l.inflight, l.size = 1, 0
		return l.run(func() error {
			client, err := dial(l.socket)
			if err != nil {
				return err
			}
			defer client.Close()
			return check(client)
		}), nil
	case "mixed":
		l.inflight, l.size = 1, mixedReadSize
	default:
		return nil, fmt.Errorf("no scenario '%s'", l.scenario)
	}

	client, err := dial(l.socket)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	if l.scenario == "read" {
		return l.run(func() error { return read(client, l.size) }), nil
	}
	if l.scenario == "mixed" {
		stop := keepReading(client)
		defer stop()
	}
	return l.run(func() error { return check(client) }), nil
}

// run calls from as many goroutines as there may be calls in flight.
func (l *load) run(call func() error) *measurement {
	for i := 0; i < l.warmup; i++ {
		if call() != nil {
			break
		}
	}

	left := int64(l.count)
	took := make([][]time.Duration, l.inflight)
	failures := make([]error, l.inflight)
	failed := int64(0)
	start := time.Now()
	end := start.Add(time.Duration(l.seconds * float64(time.Second)))
	var workers sync.WaitGroup
	for worker := 0; worker < l.inflight; worker++ {
		workers.Add(1)
		go func(worker int) {
			defer workers.Done()
			before := time.Now()
			for {
				if l.count > 0 && atomic.AddInt64(&left, -1) < 0 || l.count == 0 && before.After(end) {
					return
				}
				err := call()
				after := time.Now()
				if err == nil {
					took[worker] = append(took[worker], after.Sub(before))
				} else {
					failures[worker] = err
					// On a lost connection every call fails at once.
					if atomic.AddInt64(&failed, 1) > 1000 {
						return
					}
				}
				before = after
				if l.pause > 0 {
					time.Sleep(l.pause)
					before = time.Now()
				}
			}
		}(worker)
	}
	workers.Wait()
	return l.summarise(time.Since(start), took, int(failed), failures)
}

func (l *load) summarise(elapsed time.Duration, took [][]time.Duration, failed int, failures []error) *measurement {
	var all []time.Duration
	for _, some := range took {
		all = append(all, some...)
	}
	sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
	percentile := func(share float64) float64 {
		if len(all) == 0 {
			return 0
		}
		return float64(all[int(share*float64(len(all)-1))].Nanoseconds()) / 1000
	}
	size := l.size
	bytes := float64(len(all)) * float64(size)
	if l.scenario == "mixed" {
		bytes = 0 // the reads are the weather here, not what is measured
	}
	result := &measurement{
		Scenario: l.scenario, Inflight: l.inflight, Size: size,
		Calls: len(all), Seconds: elapsed.Seconds(),
		RPS: float64(len(all)) / elapsed.Seconds(), MBPS: bytes / elapsed.Seconds() / 1e6,
		P50: percentile(.5), P90: percentile(.9), P99: percentile(.99),
		Errors: failed,
	}
	for _, err := range failures {
		if err != nil {
			result.Error = err.Error()
		}
	}
	return result
}

// keepReading keeps big answers on their way, until stopped.
func keepReading(client *ttrpc.Client) (stop func()) {
	var isOver int32
	var readers sync.WaitGroup
	for i := 0; i < mixedReaders; i++ {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for atomic.LoadInt32(&isOver) == 0 && read(client, mixedReadSize) == nil {
			}
		}()
	}
	return func() {
		atomic.StoreInt32(&isOver, 1)
		readers.Wait()
	}
}

func dial(socket string) (*ttrpc.Client, error) {
	connection, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	return ttrpc.NewClient(connection), nil
}

func check(client *ttrpc.Client) error {
	var response checkResponse
	err := client.Call(context.Background(), healthService, "Check", &checkRequest{}, &response)
	if err == nil && response.Status != serving {
		err = fmt.Errorf("Check answered %d", response.Status)
	}
	return err
}

func read(client *ttrpc.Client, size int) error {
	var response readStreamResponse
	request := &processRequest{ContainerID: "load", ExecID: "load", Number: uint32(size)}
	err := client.Call(context.Background(), agentService, "ReadStdout", request, &response)
	if err == nil && len(response.Data) != size {
		err = fmt.Errorf("ReadStdout gave %d bytes", len(response.Data))
	}
	return err
}
