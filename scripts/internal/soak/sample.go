package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/scripts/internal/program"
)

// What is measured of a daemon.
const (
	resident = iota
	heap
	goroutines
	descriptors
	kinds
)

var names = [kinds]string{"resident memory", "Go heap in use after a collection", "goroutines", "descriptors"}

// sample is one look at a daemon.
type sample struct {
	at     time.Duration // since the beginning
	values [kinds]float64
}

// metric reads one value of a Prometheus text.
func metric(text []byte, name string) (float64, error) {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(name+" ")); ok {
			return strconv.ParseFloat(string(bytes.TrimSpace(rest)), 64)
		}
	}
	return 0, fmt.Errorf("/metrics has no %s", name)
}

// look measures a daemon from outside.
func (s *soak) look(ctx context.Context, m *member) (sample, error) {
	one := sample{at: time.Since(s.begun)}
	text, err := m.Metrics(ctx)
	if err != nil {
		return one, err
	}
	for kind, name := range map[int]string{heap: "go_gc_heap_live_bytes", goroutines: "go_goroutines"} {
		if one.values[kind], err = metric(text, name); err != nil {
			return one, err
		}
	}
	pid := m.daemon().PID()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return one, fmt.Errorf("this system does not tell of its processes: %w", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return one, fmt.Errorf("the system tells no VmRSS of %s", m.name)
	}
	if one.values[resident], err = strconv.ParseFloat(fields[0], 64); err != nil {
		return one, err
	}
	one.values[resident] *= 1 << 10
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	one.values[descriptors] = float64(len(files))
	return one, err
}

// lookAtAll measures those that are not killed.
func (s *soak) lookAtAll(ctx context.Context) (map[*member]sample, error) {
	all := map[*member]sample{}
	for _, m := range s.crowd {
		if m.mortal {
			continue
		}
		one, err := s.look(ctx, m)
		if err != nil {
			return nil, err
		}
		all[m] = one
	}
	return all, nil
}

// watch looks at them every few seconds.
func (s *soak) watch(ctx, busy context.Context) error {
	every := max(s.long/300, 200*time.Millisecond)
	last := time.Now()
	for program.Sleep(busy, every) {
		all, err := s.lookAtAll(ctx)
		if err != nil {
			return err
		}
		for m, one := range all {
			m.samples = append(m.samples, one)
		}
		if time.Since(last) > time.Minute {
			last = time.Now()
			one := s.crowd[0].samples[len(s.crowd[0].samples)-1]
			s.Say("soak: after %v the first daemon has %.1f MB, heap %.1f MB, %.0f goroutines, %.0f descriptors", one.at.Round(time.Second),
				one.values[resident]/1e6, one.values[heap]/1e6, one.values[goroutines], one.values[descriptors])
		}
	}
	return nil
}
