package node

import (
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// desk lets invitation.Desk step the forms of a peer within a turn: whatever
// it does to several of them becomes one transaction.
type desk struct {
	t *turn
	p *peerState
}

func (t *turn) desk(p *peerState) invitation.Desk { return invitation.Desk{Driver: desk{t, p}} }

// Each visits the machines of the peer.
func (d desk) Each(f func(m *invitation.Machine)) {
	for _, e := range d.p.entries {
		f(e.machine)
	}
}

// Env is the world as a form of the peer sees it at this turn.
func (d desk) Env(f *invitation.Form) invitation.Env {
	return invitation.Env{Now: d.t.now, Link: d.p.link(), Online: d.t.sb.online, App: d.t.sb.apps[f.App] > 0}
}

// Touch remembers a machine as it was before the turn.
func (d desk) Touch(m *invitation.Machine) {
	if e := d.entry(m); e != nil {
		d.t.touch(e, m)
	}
}

// Did gathers what is to be done after a step.
func (d desk) Did(m *invitation.Machine, in invitation.Input, out invitation.Out) {
	if e := d.entry(m); e != nil {
		d.t.gather(e, out)
		d.t.trace(e, in, out)
	}
}

// Add begins a new form.
func (d desk) Add(m *invitation.Machine, out invitation.Out) { d.t.begin(m, out) }

// Find looks an invitation up, in the journal if need be.
func (d desk) Find(id protocol.ID) *invitation.Machine {
	e, err := d.t.find(id)
	if err != nil {
		log.Errorw("an invitation that is to give way could not be looked up", "err", err)
	}
	if e == nil {
		return nil
	}
	return e.machine
}

// Bury keeps a tombstone for an invitation of the peer that never came.
func (d desk) Bury(id protocol.ID) { d.t.bury(d.p.id, id) }

func (d desk) entry(m *invitation.Machine) *entry { return d.p.entries[m.ID()] }
