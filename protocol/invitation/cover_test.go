package invitation_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// coverage counts what the histories of one worker reached.
type coverage struct {
	rows   map[*invitation.Row]int
	things map[string]int
}

func newCoverage() *coverage {
	return &coverage{map[*invitation.Row]int{}, map[string]int{}}
}

func (c *coverage) count(thing string) { c.things[thing]++ }

func (c *coverage) add(o *coverage) {
	for r, n := range o.rows {
		c.rows[r] += n
	}
	for t, n := range o.things {
		c.things[t] += n
	}
}

// races are the rows of "Races and faults" about one caller and one callee, as
// step and its like recognise them.
var races = []string{
	"cancel while a bid is on its way", "Accept at a canceling caller", "cancel at an accepted caller",
	"Refuse at a canceling caller", "Cancel at a refused callee",
	"Accept at an expired caller", "Cancel overtakes Invite",
	"accept_unconfirmed by the callee's word", "accept_unconfirmed after 24 h",
	"accepted after 5 s without a link", "callee ended alone and the caller heard of it",
	"caller expired and the callee heard of it", "killed caller found its callee gone",
	"resumed app was handed it", "first Invite read late", "rang when the app came", "held until the end",
}

// halfOpens are the states in which a session went silent.
var halfOpens = []string{
	"local sent_to_remote", "local received_by_remote", "local sent_to_remote canceling", "local received_by_remote canceling",
	"local accepted_by_remote owing", "local canceled owing", "local failure owing",
	"remote held", "remote invitation_received", "remote invitation_received handed over", "remote accept_sent_to_local",
	"remote refused owing", "remote failure owing", "remote missed owing",
}

// step counts the rows of a step and the races that it shows.
func (c *coverage) step(d *device, i *inst, before *invitation.Form, in invitation.Input, out *invitation.Out) {
	for _, r := range out.Rows {
		c.rows[r]++
	}
	caller, callee := d.w.pair(i.p)
	switch in := in.(type) {
	case invitation.Cancel:
		if callee != nil && callee.State == invitation.AcceptSentToLocal && caller.Canceling {
			c.count("race: cancel while a bid is on its way")
		}
		if before.State == invitation.AcceptedByRemote {
			c.count("race: cancel at an accepted caller")
		}
	case invitation.AppCame:
		if before.State == invitation.Held && callee.State == invitation.InvitationReceived {
			c.count("race: rang when the app came")
		}
	case invitation.HandedOver:
		if d.w.now > i.p.heldMoment+5*time.Second {
			c.count("race: resumed app was handed it")
		}
	case invitation.Recv:
		c.message(d, i, before, in.Message, out)
	}
	for _, r := range out.Rows {
		switch {
		case r.Callback == invitation.LocalAcceptUnconfirmed && strings.Contains(r.Name, "time"):
			c.count("race: accept_unconfirmed after 24 h")
		case r.Callback == invitation.LocalAcceptUnconfirmed:
			c.count("race: accept_unconfirmed by the callee's word")
		case before.State == invitation.Held && r.To == invitation.Missed && d.w.now > i.p.heldMoment:
			c.count("race: held until the end")
		}
	}
}

func (c *coverage) message(d *device, i *inst, before *invitation.Form, msg protocol.Message, out *invitation.Out) {
	f := i.m.Form()
	switch msg := msg.(type) {
	case protocol.Accept:
		if before.Canceling {
			c.count("race: Accept at a canceling caller")
		}
		if before.State == invitation.Failed {
			c.count("race: Accept at an expired caller")
		}
	case protocol.Refuse:
		if before.Canceling {
			c.count("race: Refuse at a canceling caller")
		}
	case protocol.Cancel:
		if before.State == invitation.Refused {
			c.count("race: Cancel at a refused callee")
		}
	case protocol.Confirm:
		if before.State == invitation.AcceptSentToLocal && d.now().Wall.Sub(f.AnsweredAt) > protocol.ConfirmTime {
			c.count("race: accepted after 5 s without a link")
		}
	case protocol.Invite:
		if before.State == "" {
			i.p.heldMoment = d.w.now
			if msg.ReachLeft < i.p.reach-time.Second {
				c.count("race: first Invite read late")
			}
		}
	case protocol.Done:
		if before.Ended() || !f.Ended() || msg.Outcome != protocol.OutcomeFailure {
			return
		}
		if f.Kind == invitation.KindRemote {
			c.count("race: caller expired and the callee heard of it")
			return
		}
		c.count("race: callee ended alone and the caller heard of it")
		if d.life > 0 {
			c.count("race: killed caller found its callee gone")
		}
	}
}

// halfOpen counts the states that a silent cut meets.
func (c *coverage) halfOpen(w *world) {
	for _, d := range w.dev {
		for _, i := range d.insts {
			if i == nil || !i.m.Live() && !i.m.Owes() {
				continue
			}
			f := i.m.Form()
			s := string(f.Kind) + " " + string(f.State)
			switch {
			case f.Canceling:
				s += " canceling"
			case i.m.Owes():
				s += " owing"
			case f.HandedOver && f.State == invitation.InvitationReceived:
				s += " handed over"
			}
			c.count("half-open: " + s)
		}
	}
}

// table renders the counts, and names what was reached less than least times.
func (c *coverage) table(least int) (table string, missing []string) {
	var b strings.Builder
	line := func(name string, n int) {
		mark := ""
		if n < least {
			mark = "  <-- too few"
			missing = append(missing, fmt.Sprintf("%s (%d)", name, n))
		}
		fmt.Fprintf(&b, "%8d  %s%s\n", n, name, mark)
	}
	for _, r := range invitation.LocalTable {
		line("local row: "+r.Name, c.rows[r])
	}
	for _, r := range invitation.RemoteTable {
		line("remote row: "+r.Name, c.rows[r])
	}
	known := []string{"power cut"}
	for _, r := range races {
		known = append(known, "race: "+r)
	}
	for _, h := range halfOpens {
		known = append(known, "half-open: "+h)
	}
	for _, k := range known {
		line(k, c.things[k])
	}
	for k, n := range c.things {
		if !slices.Contains(known, k) {
			fmt.Fprintf(&b, "%8d  %s (not required)\n", n, k)
		}
	}
	return b.String(), missing
}
