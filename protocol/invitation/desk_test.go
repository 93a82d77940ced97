package invitation_test

import (
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// did is what a step of one machine came to.
type did struct {
	i    *inst
	form invitation.Form
	out  invitation.Out
}

// turn lets a desk step machines and obeys all of it at once.
func (d *device) turn(do func(k invitation.Desk) error) error {
	k := &desk{device: d, before: map[protocol.ID]invitation.Form{}}
	err := do(invitation.Desk{Driver: k})
	d.obey(k.all)
	return err
}

// desk is the device as a desk sees it.
type desk struct {
	*device
	before map[protocol.ID]invitation.Form
	all    []did
}

func (k *desk) Each(f func(m *invitation.Machine)) {
	for _, i := range k.insts {
		if i != nil {
			f(i.m)
		}
	}
}

func (k *desk) Env(*invitation.Form) invitation.Env { return k.env() }

func (k *desk) Touch(m *invitation.Machine) { k.before[m.ID()] = m.Form() }

func (k *desk) Did(m *invitation.Machine, in invitation.Input, out invitation.Out) {
	i, before := k.insts[m.ID()[15]], k.before[m.ID()]
	k.w.cover.step(k.device, i, &before, in, &out)
	k.all = append(k.all, k.done(i, &before, out))
}

func (k *desk) Add(m *invitation.Machine, out invitation.Out) {
	k.insts[m.ID()[15]] = &inst{m: m, p: k.w.inv[m.ID()[15]]}
	k.Did(m, invitation.Recv{Message: protocol.Invite{ID: m.ID(), ReachLeft: m.Form().Reach}}, out)
}

func (k *desk) Bury(id protocol.ID) {
	k.disk.save(k.w.now, int(id[15]), record{tomb: true})
}

func (k *desk) Find(id protocol.ID) *invitation.Machine {
	if i := k.insts[id[15]]; i != nil {
		return i.m
	}
	return nil
}

// done checks a step and takes it down.
func (d *device) done(i *inst, before *invitation.Form, out invitation.Out) did {
	f := i.m.Form()
	d.w.checkStep(d, i, before, &f, &out)
	return did{i, f, out}
}
