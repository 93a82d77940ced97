package node

import (
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// metrics are counted without any peer ID.
type metrics struct {
	registry *prometheus.Registry

	outcomes *prometheus.CounterVec
	strays   prometheus.Counter
	breaks   prometheus.Counter
	refusals prometheus.Counter
	failures prometheus.Counter
	commits  prometheus.Histogram
	streams  prometheus.Gauge
	rings    *prometheus.HistogramVec
}

// liveHeap is what the last collection has left: without a leak it stays as it is,
// which the heap in use does not.
var liveHeap = collectors.GoRuntimeMetricsRule{Matcher: regexp.MustCompile("^/gc/heap/live:bytes$")}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "beckon_invitations_ended_total", Help: "Invitations that ended, by kind, terminal state and error.",
		}, []string{"kind", "state", "error"}),
		strays:   counter("beckon_stray_messages_total", "Messages ignored because their sender has no part in the invitation."),
		breaks:   counter("beckon_invariants_broken_total", "Steps not made because an invariant did not hold. Anything but 0 is a bug."),
		refusals: counter("beckon_invitations_overflow_total", "Invitations refused as busy because too many of their peer, or of all, were live or went unanswered."),
		failures: counter("beckon_journal_failures_total", "Transactions that could not be committed."),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "beckon_journal_commit_seconds", Help: "Time of one transaction of the journal.",
			Buckets: prometheus.ExponentialBuckets(25e-6, 2, 14),
		}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "beckon_app_streams", Help: "Event streams that count as an app."}),
		rings:   newRings(),
	}
	m.registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(liveHeap)))
	m.registry.MustRegister(m.outcomes, m.strays, m.breaks, m.refusals, m.failures, m.commits, m.streams, m.rings)
	return m
}

func (m *metrics) ended(f invitation.Form) {
	m.outcomes.WithLabelValues(string(f.Kind), string(f.State), failureLabel(f)).Inc()
}

// failureLabel keeps words of other peers out of the labels.
func failureLabel(f invitation.Form) string {
	if f.State != invitation.Failed {
		return ""
	}
	return string(f.Failure)
}

func (m *metrics) committed(d time.Duration) { m.commits.Observe(d.Seconds()) }
func (m *metrics) commitFailed()             { m.failures.Inc() }
func (m *metrics) stray()                    { m.strays.Inc() }
func (m *metrics) broken()                   { m.breaks.Inc() }
func (m *metrics) overflow()                 { m.refusals.Inc() }

func (m *metrics) apps(counts map[string]int) {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	m.streams.Set(float64(sum))
}

// watch adds what is read from the node when somebody asks.
func (m *metrics) watch(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}
