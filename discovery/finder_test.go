package discovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/test"
	ma "github.com/multiformats/go-multiaddr"
)

func newID(t *testing.T) peer.ID {
	t.Helper()
	id, err := test.RandPeerID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func addr(s string) ma.Multiaddr { return ma.StringCast(s) }

// source is a place to ask that does what the test says.
type source struct {
	name string
	find func(ctx context.Context, yield func([]ma.Multiaddr)) error
}

func (s source) Name() string { return s.name }
func (s source) Find(ctx context.Context, _ peer.ID, yield func([]ma.Multiaddr)) error {
	return s.find(ctx, yield)
}

func says(name string, after time.Duration, addrs ...string) source {
	return source{name, func(ctx context.Context, yield func([]ma.Multiaddr)) error {
		select {
		case <-time.After(after):
		case <-ctx.Done():
			return ctx.Err()
		}
		for _, a := range addrs {
			yield([]ma.Multiaddr{addr(a)})
		}
		return nil
	}}
}

var silent = source{"dht", func(ctx context.Context, _ func([]ma.Multiaddr)) error {
	<-ctx.Done()
	return ctx.Err()
}}

func texts(c Candidate) string {
	var s []string
	for _, a := range c.Addrs {
		s = append(s, a.String())
	}
	return c.Source + " " + strings.Join(s, " ")
}

func collect(ctx context.Context, f *Finder, id peer.ID) (all []string) {
	for c := range f.Find(ctx, id) {
		all = append(all, texts(c))
	}
	return all
}

func TestStaleAddressComesFirstGoodOneFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFinder(
			says("dht", 50*time.Millisecond, "/ip4/192.0.2.9/udp/4001/quic-v1"),
			says("cache", 0, "/ip4/192.0.2.1/udp/4001/quic-v1"),
			silent)
		start := time.Now()
		for c := range f.Find(t.Context(), newID(t)) {
			// The first one is stale: its dial takes longer than the DHT.
			if c.Source == "cache" {
				time.Sleep(time.Second)
				continue
			}
			if got := texts(c); got != "dht /ip4/192.0.2.9/udp/4001/quic-v1" {
				t.Errorf("second candidate: %s", got)
			}
			break
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v: the silent source must hold up nobody", took)
		}
	})
}

func TestAnAddressIsYieldedOnce(t *testing.T) {
	id := newID(t)
	p2p := "/p2p/" + id.String()
	f := NewFinder(
		says("cache", 0, "/ip4/192.0.2.1/tcp/1"+p2p, "/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.2/tcp/1"),
		says("lan", time.Millisecond, "/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.3/tcp/1"+p2p))
	got := collect(t.Context(), f, id)
	want := []string{"cache /ip4/192.0.2.1/tcp/1", "cache /ip4/192.0.2.2/tcp/1", "lan /ip4/192.0.2.3/tcp/1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAddressesThatLeadNowhereAreDropped(t *testing.T) {
	id, other := newID(t), newID(t)
	relay := "/ip4/192.0.2.1/tcp/1/p2p/" + other.String() + "/p2p-circuit"
	f := NewFinder(says("dht", 0,
		"/ip4/0.0.0.0/tcp/1", "/ip4/192.0.2.1/tcp/1/p2p/"+other.String(), "/p2p/"+id.String(),
		"/p2p-circuit", "/ip4/192.0.2.1/tcp/1/p2p-circuit", "/p2p/"+other.String()+"/p2p-circuit",
		relay+"/p2p/"+id.String()))
	if got := collect(t.Context(), f, id); !slices.Equal(got, []string{"dht " + relay}) {
		t.Errorf("got %q", got)
	}
}

func TestOneSourceCannotFlood(t *testing.T) {
	liar := source{"dht", func(_ context.Context, yield func([]ma.Multiaddr)) error {
		for i := range 1000 {
			yield([]ma.Multiaddr{addr(fmt.Sprintf("/ip4/192.0.2.1/tcp/%d", i+1))})
		}
		return nil
	}}
	var fromDHT, fromLAN int
	for c := range NewFinder(liar, says("lan", 5*time.Millisecond, "/ip4/192.0.2.77/tcp/1")).Find(t.Context(), newID(t)) {
		if c.Source == "dht" {
			fromDHT += len(c.Addrs)
		} else {
			fromLAN += len(c.Addrs)
		}
	}
	if fromDHT != MaxPerSource || fromLAN != 1 {
		t.Errorf("%d from the liar, %d from the honest one", fromDHT, fromLAN)
	}
}

func TestStagesTellWhatEachSourceDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFinder(
			says("cache", 0),
			says("static", 10*time.Millisecond, "/ip4/192.0.2.1/tcp/1"),
			source{"connected", func(context.Context, func([]ma.Multiaddr)) error { panic("oh") }},
			source{"lan", func(context.Context, func([]ma.Multiaddr)) error { return errors.New("no multicast") }},
			silent)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		told := make(map[string][]string)
		for range f.FindStages(ctx, newID(t), func(s Stage) {
			line := fmt.Sprint(s.Event, " ", s.Addrs, " ", s.Took)
			if s.Err != nil {
				line += " " + s.Err.Error()
			}
			told[s.Source] = append(told[s.Source], line)
		}) {
		}
		want := map[string][]string{
			"cache":     {"asked 0 0s", "answered 0 0s"},
			"static":    {"asked 0 0s", "answered 1 10ms"},
			"connected": {"asked 0 0s", "failed 0 0s source connected panicked: oh"},
			"lan":       {"asked 0 0s", "failed 0 0s no multicast"},
			"dht":       {"asked 0 0s", "gave_up 0 1s"},
		}
		for name, w := range want {
			if !slices.Equal(told[name], w) {
				t.Errorf("%s: told %q, want %q", name, told[name], w)
			}
		}
	})
}

func TestEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if got := collect(ctx, NewFinder(silent, silent), newID(t)); len(got) > 0 {
			t.Errorf("got %q", got)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("ended after %v, the context after 3 s", took)
		}
	})
}

func TestEndsWhenAllSourcesAreDone(t *testing.T) {
	if got := collect(t.Context(), NewFinder(says("cache", 0), says("static", 0)), newID(t)); len(got) > 0 {
		t.Errorf("got %q", got)
	}
	if got := collect(t.Context(), NewFinder(), newID(t)); len(got) > 0 {
		t.Errorf("without sources: got %q", got)
	}
}

func TestBreakWaitsForEverySource(t *testing.T) {
	returned := make(chan struct{}, 1)
	slow := source{"dht", func(ctx context.Context, yield func([]ma.Multiaddr)) error {
		yield([]ma.Multiaddr{addr("/ip4/192.0.2.1/tcp/1")})
		<-ctx.Done()
		yield([]ma.Multiaddr{addr("/ip4/192.0.2.2/tcp/1")}) // too late, and harmless
		returned <- struct{}{}
		return ctx.Err()
	}}
	for range NewFinder(slow).Find(t.Context(), newID(t)) {
		break
	}
	select {
	case <-returned:
	default:
		t.Error("the search ended before its source did")
	}
}

func TestSlowCallerHoldsUpNoSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last time.Duration
		start := time.Now()
		busy := source{"dht", func(_ context.Context, yield func([]ma.Multiaddr)) error {
			for i := range 20 {
				yield([]ma.Multiaddr{addr(fmt.Sprintf("/ip4/192.0.2.1/tcp/%d", i+1))})
			}
			last = time.Since(start)
			return nil
		}}
		for range NewFinder(busy).Find(t.Context(), newID(t)) {
			time.Sleep(time.Minute)
		}
		if last != 0 {
			t.Errorf("the source was held up for %v", last)
		}
	})
}
