package node

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/discovery"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// page is what GET /metrics says.
func page(n *Node) string {
	w := httptest.NewRecorder()
	n.Metrics().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// counted reads a count of the page; -1: it is not there.
func counted(text, series string) (n int) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			fmt.Sscan(rest, &n)
			return n
		}
	}
	return -1
}

// TestTimeToRingIsSplit: the first call looks the callee up and dials, the
// second one finds the two connected.
func TestTimeToRingIsSplit(t *testing.T) {
	a, b := trio(t)
	appA, appB := startApp(t, a), startApp(t, b)
	for range 2 {
		inv := ring(t, a, b)
		appB.await(invitation.RemoteReceived)
		appA.await(invitation.LocalReceivedByPeer)
		if _, err := b.Do(testContext(t), inv.ID, Verb{Name: VerbRefuse}, Idempotency{}); err != nil {
			t.Fatal(err)
		}
		appA.await(invitation.LocalRefused)
	}
	text := page(a)
	for stage, want := range map[string][2]int{"lookup": {1, -1}, "dial": {1, -1}, "wait_for_app": {1, 1}, "total": {1, 1}} {
		for i, source := range []string{"dht", "connected"} {
			series := fmt.Sprintf(`beckon_ring_seconds_count{path="lan",source=%q,stage=%q}`, source, stage)
			if got := counted(text, series); got != want[i] {
				t.Errorf("%s is %d, want %d", series, got, want[i])
			}
		}
	}
	if strings.Contains(page(b), "beckon_ring_seconds_count") {
		t.Error("the callee took the time, too")
	}
	if strings.Contains(text, string(b.self)) {
		t.Error("a peer ID is in a metric")
	}
}

// TestTimeToRingAddsUp: the stages are the whole, whatever came between.
func TestTimeToRingAddsUp(t *testing.T) {
	for name, c := range map[string]struct {
		total, connected time.Duration
		r                reached
		want             string // lookup, dial, wait, total in seconds, and the source
	}{
		"at the first try":          {4 * time.Second, 3 * time.Second, reached{how{"dht", time.Second, 2 * time.Second}, 1}, "1 2 1 4 dht"},
		"at the third":              {9 * time.Second, 8 * time.Second, reached{how{"lan", time.Second, 2 * time.Second}, 1}, "6 2 1 9 lan"},
		"dialled for another call":  {4 * time.Second, time.Second, reached{how{"dht", 5 * time.Second, 2 * time.Second}, 1}, "0 1 3 4 dht"},
		"connected before":          {4 * time.Second, -time.Second, reached{how{"dht", 1, 1}, 1}, "- - 4 4 connected"},
		"the callee has dialled us": {4 * time.Second, -time.Hour, reached{}, "- - 4 4 connected"},
	} {
		n := &Node{metrics: newMetrics()}
		n.metrics.rang(invitation.PathDirect, c.total, c.r, c.connected)
		text, got := page(n), ""
		source := c.want[strings.LastIndex(c.want, " ")+1:]
		for _, stage := range []string{stageLookup, stageDial, stageWaitApp, stageTotal} {
			series := fmt.Sprintf(`beckon_ring_seconds_sum{path="direct",source=%q,stage=%q}`, source, stage)
			if sum := counted(text, series); sum >= 0 {
				got += fmt.Sprint(sum, " ")
			} else {
				got += "- "
			}
		}
		if got += source; got != c.want {
			t.Errorf("%s: %s, want %s\n%s", name, got, c.want, text)
		}
	}
}

// TestFindTellsItsStages: who was asked, what came, whose address led there.
func TestFindTellsItsStages(t *testing.T) {
	a, b := trio(t)
	p, err := a.FindPeer(testContext(t), string(b.self), nil, patience)
	if err != nil || p.Connectedness != Connected {
		t.Fatalf("%+v, %v", p, err)
	}
	asked, last := map[string]bool{}, time.Duration(0)
	var won []discovery.Stage
	for _, s := range p.Stages {
		asked[s.Source] = asked[s.Source] || s.Event == discovery.Asked
		if s.Event == stageConnected {
			won = append(won, s)
		}
		if s.Took < last {
			t.Errorf("%+v comes after %v", s, last)
		}
		last = s.Took
	}
	if !asked["cache"] || !asked["dht"] || len(won) != 1 || won[0].Source != p.Source {
		t.Errorf("source %s, stages %+v", p.Source, p.Stages)
	}
	again, err := a.FindPeer(testContext(t), string(b.self), nil, patience)
	if err != nil || len(again.Stages) != 1 || again.Stages[0].Source != "connected" || again.Source != "connected" {
		t.Errorf("%+v, %v", again, err)
	}
}

// TestStagesAreBounded: what is told of a search does not grow with it.
func TestStagesAreBounded(t *testing.T) {
	var f timing
	for range 10 * maxStages {
		f.stage(discovery.Stage{})
	}
	if len(f.seen) != maxStages {
		t.Errorf("%d stages", len(f.seen))
	}
}
