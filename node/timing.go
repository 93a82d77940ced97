package node

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// The stages of the time to ring, as a metric tells them. A call to a peer that
// was connected has only the last two.
const (
	stageLookup  = "lookup"       // from sent until a source named the address that worked
	stageDial    = "dial"         // from then until the connection stood
	stageWaitApp = "wait_for_app" // from then until an app of the callee had it: a round trip, two journals and the app
	stageTotal   = "total"
)

func newRings() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "beckon_ring_seconds",
		Help: "Time from sending an invitation until an app of the callee had it, by stage, by the source whose address led to the callee, and by the path.",
		// 1 ms to 131 s: from a ring on one machine to a callee who came late.
		Buckets: prometheus.ExponentialBuckets(1e-3, 2, 18),
	}, []string{"stage", "source", "path"})
}

// timed takes the time of a form that was sent, or is received now, in a turn
// whose commit has succeeded.
func (t *turn) timed(e *entry, before *invitation.Machine) {
	f := e.machine.Form()
	if f.Kind != invitation.KindLocal {
		return
	}
	was := invitation.Idle
	if before != nil {
		was = before.Form().State
	}
	switch {
	case was == invitation.Idle && f.State == invitation.SentToRemote:
		e.sent = t.now.Clock
	case e.sent != 0 && was == invitation.SentToRemote && f.State == invitation.ReceivedByRemote:
		t.sb.metrics.rang(f.Path, t.now.Clock.Sub(e.sent), e.peer.reached, e.peer.reached.at.Sub(e.sent))
	}
}

// rang notes the times of a ring. connected is when, after it was sent, the
// connection of r stood; negative: it stood before.
func (m *metrics) rang(path invitation.Path, total time.Duration, r reached, connected time.Duration) {
	source := r.source
	note := func(stage string, d time.Duration) {
		m.rings.WithLabelValues(stage, source, string(path)).Observe(d.Seconds())
	}
	if connected = min(connected, total); connected <= 0 || r.at == 0 {
		source, connected = "connected", 0
	} else {
		// What was lost to attempts that found nothing was spent looking.
		dial := min(r.dial, connected)
		note(stageLookup, connected-dial)
		note(stageDial, dial)
	}
	note(stageWaitApp, total-connected)
	note(stageTotal, total)
}
