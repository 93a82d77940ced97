package invitation_test

import (
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// user is the app and the person at a device.
type user struct {
	handOver time.Duration // how long until the app has what it was told
	lost     bool          // the app goes away instead, once
	react    func(i *inst) // what the person does with a ring
}

// tell brings callbacks to the app.
func (d *device) tell(i *inst, events []invitation.Event) {
	for _, e := range events {
		if d.w.log != nil {
			f := e.Form
			d.w.logf("%s app <- %s%s", d, e.Callback, outcome(&f))
		}
		if e.Callback == invitation.RemoteReceived {
			d.w.checkRing(d, i)
			d.handSoon(i)
		}
	}
}

func (d *device) handSoon(i *inst) {
	if !d.counts() {
		return
	}
	if d.user.lost {
		d.user.lost = false
		d.setApp(false, d.observe)
		return
	}
	d.after(d.user.handOver, func() {
		if !d.counts() || d.insts[i.p.n] != i {
			return
		}
		if f := i.m.Form(); f.State == invitation.InvitationReceived {
			if !f.HandedOver {
				d.step(i, invitation.HandedOver{})
			}
			if d.up && d.user.react != nil {
				d.user.react(i)
			}
		}
	})
}

// setApp lets the app come, go, or only observe.
func (d *device) setApp(here, observe bool) {
	if here != d.app || observe != d.observe {
		d.w.logf("%s: app here %v, only observing %v", d, here, observe)
	}
	came := here && !observe && !d.counts()
	d.app, d.observe = here, observe
	if came && d.up {
		d.resumeApp()
	}
}

// resumeApp is an app that reads hello: what rings there is handed over.
func (d *device) resumeApp() {
	if !d.counts() {
		return
	}
	d.stepAll(invitation.AppCame{})
	for _, i := range d.insts {
		if i != nil && d.up && i.m.Form().State == invitation.InvitationReceived {
			d.handSoon(i)
		}
	}
}

// create makes an invitation to the other device.
func (d *device) create(n int) {
	if !d.up || d.disk.rec[n].form.State != "" {
		return
	}
	p := d.w.inv[n]
	env := d.env()
	m, out := invitation.NewLocal(env, invitation.Form{
		ID: p.id, Caller: d.peer(), Callee: d.w.dev[1-d.n].peer(), App: "call",
		Content: p.content, Reach: p.reach, Ring: p.ring, Glare: p.glare, ChannelID: p.channel,
	})
	i := &inst{m: m, p: p}
	d.insts[n] = i
	before := invitation.Form{}
	d.w.logf("%s app: create %d", d, n)
	d.w.cover.step(d, i, &before, nil, &out)
	d.obey([]did{d.done(i, &before, out)})
}

// verb is what an app does; a verb that comes too late changes nothing.
func (d *device) verb(n int, in invitation.Input) error {
	i := d.insts[n]
	if !d.up || i == nil {
		return nil
	}
	d.w.logf("%s app: %s %d", d, describeInput(in), n)
	if _, ok := in.(invitation.Send); ok && i.m.Form().State == invitation.Idle {
		i.p.sentAt.start(d.now())
	}
	err := d.step(i, in)
	if err != nil {
		d.w.logf("%s app <- %v", d, err)
	}
	return err
}

// recv is a message from the other device.
func (d *device) recv(msg protocol.Message) {
	id := msg.Invitation()
	n := int(id[15])
	p := d.w.inv[n]
	if _, ok := msg.(protocol.Cancel); ok && p.caller != d.n {
		defer func() { p.canceledRead = p.canceledRead || d.up }() // a kill before the journal had it undoes it
	}
	if i := d.insts[n]; i != nil {
		d.step(i, invitation.Recv{Message: msg})
		return
	}
	switch msg := msg.(type) {
	case protocol.Invite:
		if p.caller == d.n {
			return
		}
		switch {
		case d.disk.rec[n].tomb:
			d.say(nil, protocol.Done{ID: id, Outcome: protocol.OutcomeCanceled, Reason: protocol.ReasonCanceled})
		case msg.Known:
			d.say(nil, protocol.Done{ID: id, Outcome: protocol.OutcomeUnknown})
		default:
			d.hold(p, msg)
		}
	case protocol.Cancel:
		if p.caller == d.n {
			return
		}
		if !d.disk.rec[n].tomb {
			d.w.logf("%s: keeps a tombstone", d)
			d.w.cover.count("race: Cancel overtakes Invite")
			d.disk.save(d.w.now, n, record{tomb: true})
		}
		d.say(nil, protocol.Done{ID: id, Outcome: protocol.OutcomeCanceled, Reason: msg.Reason})
	case protocol.Done:
	default:
		d.say(nil, protocol.Done{ID: id, Outcome: protocol.OutcomeUnknown})
	}
}

func (d *device) hold(p *plan, msg protocol.Invite) {
	p.heldAt.start(d.now())
	d.turn(func(k invitation.Desk) error {
		k.Invited(d.w.dev[1-d.n].peer(), d.peer(), msg)
		return nil
	})
}

// setOnline logs the daemon in or out. What it says when it goes is still
// written, and what is to be confirmed gets the time for it.
func (d *device) setOnline(online bool) {
	if online && d.up && d.leaving {
		d.w.logf("%s: logs in before it has left", d)
		d.leaving = false
		d.stepAll(invitation.Login{})
		return
	}
	if !d.up || d.online == online {
		return
	}
	if online {
		d.w.logf("%s: logs in", d)
		d.online = true
		d.attend()
		return
	}
	d.w.logf("%s: logs out", d)
	d.leaving = true
	d.stepAll(invitation.Logout{})
	d.leave()
}

// leave goes offline when no bid waits any more.
func (d *device) leave() {
	if !d.leaving {
		return // it has logged in again
	}
	for _, i := range d.insts {
		if i != nil && i.m.Form().State == invitation.AcceptSentToLocal {
			d.after(100*time.Millisecond, d.leave)
			return
		}
	}
	for len(d.sessions) > 0 && d.up {
		d.closeSession(d.sessions[0])
	}
	d.online, d.leaving, d.liveSince = false, false, -1
}
