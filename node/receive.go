package node

import (
	"errors"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// errMisused ends a session whose peer uses the id of somebody else's
// invitation for its own.
var errMisused = errors.New("an Invite with the id of another invitation")

// sessionUp, current, frame, doneRead and sessionDown are what a session's own
// goroutine posts, in order.

func (sb *switchboard) sessionUp(from protocol.PeerID, s session) {
	sb.post(func(t *turn) {
		p := sb.peer(from)
		p.sessions[s] = t.now.Clock
		t.consider(p)
	})
}

// current makes s the session to write on: everything owed is said on it.
func (sb *switchboard) current(from protocol.PeerID, s session, path invitation.Path) {
	sb.post(func(t *turn) {
		p := sb.peer(from)
		if _, up := p.sessions[s]; !up || p.session == s {
			return
		}
		p.session, p.path = s, path
		for _, e := range all(p.entries) {
			t.step(e, invitation.SessionUp{})
		}
		t.sayMissed(p)
		t.consider(p)
	})
}

func (sb *switchboard) sessionDown(from protocol.PeerID, s session, err error) {
	sb.post(func(t *turn) {
		p := sb.peer(from)
		last, since := s.Heard()
		if last > p.heard {
			p.heard, p.since = last, since
		}
		// One that breaks soon, again and again, is not dialled without a pause.
		if up := p.sessions[s]; up != 0 && t.now.Clock.Sub(up) >= steadyAfter {
			p.tries = 0
		}
		delete(p.sessions, s)
		if p.session == s {
			p.traceDown(t, err)
			p.session = nil
			// Which deadline runs depends on whether a session is open.
			for _, e := range all(p.entries) {
				t.step(e, invitation.Wake{})
			}
		}
		log.Debugw("session ended", "peer", short(from), "err", err)
		t.consider(p)
	})
}

func (sb *switchboard) doneRead(from protocol.PeerID, ids []protocol.ID) {
	sb.post(func(t *turn) {
		for _, id := range ids {
			if e := sb.entries[id]; e != nil && e.peer.id == from {
				t.step(e, invitation.DoneRead{})
			}
		}
	})
}

// peerConnected lets what is only owed be said at once.
func (sb *switchboard) peerConnected(id protocol.PeerID) {
	sb.post(func(t *turn) {
		if p := sb.peers[id]; p != nil && p.needs > 0 && len(p.sessions) == 0 {
			p.dial(t)
			return
		}
		t.contact(id)
	})
}

func (sb *switchboard) frame(from protocol.PeerID, s session, msg protocol.Message) {
	sb.post(func(t *turn) {
		if is, err := t.aboutMissed(from, s, msg); is {
			if err != nil {
				log.Errorw("a missed call could not be looked up", "err", err)
			}
			return
		}
		if sb.entries[msg.Invitation()] == nil && !sb.online {
			return // logged out: only what is being wound up still listens
		}
		if err := t.receive(from, s, msg); err != nil {
			log.Errorw("a message could not be looked up", "err", err)
		}
	})
}

func (t *turn) receive(from protocol.PeerID, s session, msg protocol.Message) error {
	id := msg.Invitation()
	e, err := t.find(id)
	switch {
	case err != nil:
		return err
	case e == nil:
		return t.unknown(from, s, msg)
	}
	f := e.machine.Form()
	if _, invite := msg.(protocol.Invite); invite && (f.Peer() != from || f.Kind == invitation.KindLocal) {
		t.sb.metrics.stray()
		s.Fail(errMisused)
		return nil
	}
	if f.Peer() != from {
		t.sb.metrics.stray()
		return nil
	}
	return t.step(e, invitation.Recv{Message: msg})
}

// unknown handles a message about an invitation that is not known here.
func (t *turn) unknown(from protocol.PeerID, s session, msg protocol.Message) error {
	id := msg.Invitation()
	reply := func(m protocol.Message) { t.sends = append(t.sends, outgoing{s, []protocol.Message{m}}) }
	switch msg := msg.(type) {
	case protocol.Done:
		return nil
	case protocol.Cancel:
		t.bury(from, id)
		reply(protocol.Done{ID: id, Outcome: protocol.OutcomeCanceled, Reason: msg.Reason})
		return nil
	case protocol.Invite:
		gone, err := t.buried(from, id)
		switch {
		case err != nil:
			return err
		case gone:
			reply(protocol.Done{ID: id, Outcome: protocol.OutcomeCanceled, Reason: protocol.ReasonCanceled})
		case msg.Known:
			reply(protocol.Done{ID: id, Outcome: protocol.OutcomeUnknown})
		default:
			t.invited(from, msg, reply)
		}
		return nil
	}
	reply(protocol.Done{ID: id, Outcome: protocol.OutcomeUnknown})
	return nil
}

// grave is a Cancel that came before its Invite.
type grave struct {
	from protocol.PeerID
	id   protocol.ID
}

func (t *turn) bury(from protocol.PeerID, id protocol.ID) {
	if t.graves == nil {
		t.graves = map[grave]bool{}
	}
	t.graves[grave{from, id}] = true
	t.batch.Tombstone(from, id)
}

func (t *turn) buried(from protocol.PeerID, id protocol.ID) (bool, error) {
	if t.graves[grave{from, id}] {
		return true, nil
	}
	return t.sb.journal.Tombstone(from, id)
}

// invited begins a RemoteInvitation. Over the bounds it is refused without a
// trace: nothing that a peer sends may fill this device.
func (t *turn) invited(from protocol.PeerID, inv protocol.Invite, reply func(protocol.Message)) {
	p := t.sb.peer(from)
	defer t.consider(p)
	if p.remotes >= protocol.MaxLivePerPeer || t.sb.remotes >= maxLive || !t.spend(from) {
		t.sb.metrics.overflow()
		reply(protocol.Refuse{ID: inv.ID, Reason: protocol.ReasonBusy})
		return
	}
	t.desk(p).Invited(from, t.sb.self, inv)
}

// spend takes one from a peer's allowance, unless the turn fails.
func (t *turn) spend(from protocol.PeerID) bool {
	was, known := t.sb.allowances[from]
	t.undos = append(t.undos, func() {
		if delete(t.sb.allowances, from); known {
			t.sb.allowances[from] = was
		}
	})
	return t.sb.allowances.spend(from, t.now.Clock)
}

// peerKey turns a libp2p peer ID into the text form that everything else uses.
func peerKey(p peer.ID) protocol.PeerID { return protocol.PeerID(p.String()) }
