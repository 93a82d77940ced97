package main

import (
	"io"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/scripts/internal/apart"
)

// course is one invitation as its apps were told of it.
type course struct {
	t      *testing.T
	p      *pair
	r      *ring
	start  time.Time
	caller api.Invitation
	callee api.Invitation
}

// good is an invitation that was accepted after 2 s, with nothing wrong.
func good(t *testing.T) *course {
	l := newLab()
	l.Out, l.Log = io.Discard, io.Discard
	c := &course{t: t, start: time.Now().Add(-time.Minute)}
	a, b := &device{name: "a"}, &device{name: "b"}
	for _, d := range []*device{a, b} {
		d.record = newRecorder("")
		d.ups = []span{{from: c.start.Add(-time.Second), to: c.start.Add(time.Minute)}}
	}
	c.p = &pair{lab: l, devices: [2]*device{a, b}}
	c.r = newRing("ticket")
	c.r.id, c.r.caller, c.r.callee, c.r.plan = "id", a, b, planAccept
	c.r.reach, c.r.ring, c.r.app = 5*time.Second, 10*time.Second, newRecorder("")
	c.r.app.opens = []time.Time{c.start}
	c.r.app.show("id", c.at(100))
	c.told(a, 100, api.LocalInvitationReceivedByPeer, false)
	c.told(a, 2000, api.LocalInvitationAccepted, true)
	c.told(b, 100, api.RemoteInvitationReceived, false)
	c.told(b, 2001, api.RemoteInvitationAccepted, true)
	c.caller = api.Invitation{Content: "offer ticket", Response: "answer ticket", State: api.AcceptedByRemote, CreatedAt: api.Time{Time: c.start}}
	c.callee = api.Invitation{Response: "answer ticket", State: api.Accepted}
	c.r.verbs[api.VerbAccept] = answer{status: 200, at: c.at(2000)}
	return c
}

func (c *course) at(ms int) time.Time { return c.start.Add(time.Duration(ms) * time.Millisecond) }

// told adds an event. The state that it shows is that of the good course.
func (c *course) told(d *device, ms int, typ string, end bool) {
	inv := &api.Invitation{ID: "id", SentAt: api.Time{Time: c.start}, CreatedAt: api.Time{Time: c.start}}
	if end {
		inv.EndedAt = api.Time{Time: c.at(ms)}
		inv.State = map[bool]string{true: api.AcceptedByRemote, false: api.Accepted}[d == c.r.caller]
	}
	r := d.record
	r.of["id"] = append(r.of["id"], len(r.events))
	r.events = append(r.events, told{Event: api.Event{Seq: int64(len(r.events) + 1), Time: api.Time{Time: c.at(ms)}, Type: typ, Invitation: inv}, at: c.at(ms)})
}

// last changes the last event of a device.
func (c *course) last(d *device, change func(*told)) {
	change(&d.record.events[len(d.record.events)-1])
}

// canceledAt makes both forms end canceled, the callee's at another time.
func (c *course) canceled(asked, ended int) {
	c.caller.State, c.callee.State = api.Canceled, api.Canceled
	for _, d := range c.p.devices {
		c.last(d, func(e *told) { e.Invitation.State = api.Canceled })
	}
	c.r.verbs = map[string]answer{api.VerbCancel: {status: 200, at: c.at(asked)}}
	c.last(c.r.caller, func(e *told) { e.at = c.at(asked) })
	c.last(c.r.callee, func(e *told) { e.at = c.at(ended) })
}

// TestChecksFind: each check finds what it is there for.
func TestChecksFind(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(c *course)
		found bool
	}{
		{"nothing", func(*course) {}, false},
		{"two ends at the caller", func(c *course) { c.told(c.r.caller, 3000, api.LocalInvitationFailure, true) }, true},
		{"no end at the callee", func(c *course) { c.r.callee.record.of["id"] = []int{0} }, true},
		{"an end without a ring", func(c *course) { c.r.callee.record.of["id"] = []int{1} }, true},
		{"accepted only there", func(c *course) { c.canceled(1900, 2000); c.callee.State = api.Accepted }, true},
		{"lost from the history", func(c *course) { c.caller.Content = "" }, true},
		{"the response is another", func(c *course) { c.caller.Response = "" }, true},
		{"cancel was answered and it is accepted", func(c *course) { c.r.verbs[api.VerbCancel] = answer{status: 200} }, true},
		{"accept was answered and it is refused", func(c *course) { c.callee.State = api.Refused }, true},
		{"received by nobody", func(c *course) { c.r.verbs = map[string]answer{}; c.r.app.shown = map[string]time.Time{} }, true},
		{"received before an app came", func(c *course) { c.r.verbs = map[string]answer{}; c.r.app.opens[0] = c.at(500) }, true},
		{"an end too late", func(c *course) {
			c.last(c.r.caller, func(e *told) { e.Time.Time = c.at(25_000) })
		}, true},
		{"as late, for the daemon was away", func(c *course) {
			c.last(c.r.caller, func(e *told) { e.Time.Time = c.at(25_000) })
			c.r.caller.ups = []span{{from: c.at(-1000), to: c.at(4000)}, {from: c.at(24_900), to: c.at(60_000)}}
		}, false},
		{"canceled", func(c *course) { c.canceled(1000, 1100) }, false},
		{"it rings 13 s after cancel", func(c *course) { c.canceled(1000, 14_000) }, true},
		{"the callee's daemon was away for 13 s after cancel, and ends it as it starts", func(c *course) {
			c.canceled(1000, 14_000)
			c.r.callee.ups = []span{{from: c.at(-1000), to: c.at(1100)}, {begun: c.at(13_900), from: c.at(14_001), to: c.at(60_000)}}
		}, false},
		{"it rings 9 s after cancel in a cut network", func(c *course) {
			c.p.weathers = []change{{c.at(500), apart.Weather{Cut: true}}, {c.at(9900), apart.Weather{}}}
			c.canceled(1000, 10_000)
		}, false},
		{"it rings 9 s after cancel in a fair network", func(c *course) { c.canceled(1000, 10_000) }, true},
		{"it rings 13 s without its caller", func(c *course) {
			c.r.caller.ups = []span{{from: c.at(-1000), to: c.at(1000)}, {from: c.at(14_500), to: c.at(60_000)}}
			c.r.plan = planNobody
			c.last(c.r.callee, func(e *told) { e.at = c.at(14_000) })
		}, true},
		{"unconfirmed and not told", func(c *course) { c.callee.State, c.callee.Error = api.Failure, api.AcceptFailure }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := good(t)
			tt.spoil(c)
			if c.callee.State != api.Accepted && c.callee.Error != "" {
				c.last(c.r.callee, func(e *told) { e.Invitation.State = c.callee.State })
			}
			v := &verdict{p: c.p, r: c.r, caller: &c.caller, callee: &c.callee}
			v.run()
			if found := len(c.p.lab.violations) > 0; found != tt.found {
				t.Errorf("violations: %q", c.p.lab.violations)
			}
		})
	}
}
