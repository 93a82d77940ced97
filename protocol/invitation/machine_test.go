package invitation_test

import (
	"strconv"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// bench holds one machine and its surroundings, without a world.
type bench struct {
	m    *invitation.Machine
	env  invitation.Env
	rows []*invitation.Row
	last invitation.Out
	told []invitation.Callback
	err  error
}

const (
	benchStart = protocol.Instant(1000 * time.Second)
	benchReach = 30 * time.Second
	benchRing  = 60 * time.Second
)

var benchID = protocol.ID{15: 1}

func newBench() *bench {
	return &bench{env: invitation.Env{
		Now:    invitation.Stamp{BootID: "boot", Clock: benchStart, Wall: time.Unix(1e9, 0)},
		Link:   invitation.Link{Writable: true, Open: true, LastHeard: benchStart.Add(-time.Second), HeardSince: benchStart.Add(-time.Second)},
		Online: true,
	}}
}

func (b *bench) note(out invitation.Out, err error) {
	b.rows = append(b.rows, out.Rows...)
	b.last, b.err = out, err
	for _, e := range out.Emit {
		b.told = append(b.told, e.Callback)
	}
}

func (b *bench) step(in invitation.Input) *bench {
	b.note(b.m.Step(b.env, in))
	return b
}

func (b *bench) recv(msg protocol.Message) *bench { return b.step(invitation.Recv{Message: msg}) }

// pass lets time pass in which the other side is not heard.
func (b *bench) pass(d time.Duration) *bench {
	b.env.Now.Clock = b.env.Now.Clock.Add(d)
	b.env.Now.Wall = b.env.Now.Wall.Add(d)
	return b
}

// hear lets time pass in which the other side is heard at least every 2 s.
func (b *bench) hear(d time.Duration) *bench {
	b.pass(d)
	b.env.Link.LastHeard = b.env.Now.Clock
	return b
}

func local(b *bench) *bench {
	m, out := invitation.NewLocal(b.env, invitation.Form{
		ID: benchID, Caller: "A", Callee: "B", App: "call", Content: "offer", Reach: benchReach, Ring: benchRing,
	})
	b.m = m
	b.note(out, nil)
	return b
}

// crossing is a bench with an invitation that merges, of an id that is higher
// or lower than that of the other's, otherID.
func crossing(higher bool) *bench {
	b := newBench()
	f := invitation.Form{ID: benchID, Caller: "A", Callee: "B", App: "call", Content: "offer", Reach: benchReach, Ring: benchRing, Glare: protocol.GlareMerge}
	if higher {
		f.ID = protocol.ID{15: 3}
	}
	m, out := invitation.NewLocal(b.env, f)
	b.m = m
	b.note(out, nil)
	return b.step(invitation.Send{})
}

var otherID = protocol.ID{15: 2}

func tied() *bench { return ringing().step(invitation.Bid{For: otherID, Response: "own offer"}) }

func remote(b *bench) *bench {
	m, out := invitation.NewRemote(b.env, "A", "B", inviteMsg())
	b.m = m
	b.note(out, nil)
	return b
}

func inviteMsg() protocol.Invite {
	return protocol.Invite{ID: benchID, App: "call", Content: "offer", ReachLeft: benchReach, Ring: benchRing}
}

var (
	cancelVerb = invitation.Cancel{Reason: protocol.ReasonCanceled}
	refuseVerb = invitation.Refuse{Reason: protocol.ReasonBusy, Response: "later"}
	acceptVerb = invitation.Accept{Response: "answer"}
	received   = protocol.Received{ID: benchID, RingLeft: benchRing}
)

func done(o protocol.Outcome) protocol.Done {
	d := protocol.Done{ID: benchID, Outcome: o}
	switch o {
	case protocol.OutcomeAccepted:
		d.Response = "answer"
	case protocol.OutcomeRefused:
		d.Reason, d.Response = protocol.ReasonBusy, "later"
	case protocol.OutcomeCanceled:
		d.Reason = protocol.ReasonCanceled
	case protocol.OutcomeFailure:
		d.Failure = protocol.PeerNoResponse
	}
	return d
}

// situation is a form in a state, with what else decides an answer.
type situation struct {
	name  string
	build func() *bench
}

func sent() *bench     { return local(newBench()).step(invitation.Send{}) }
func rung() *bench     { return sent().recv(received) }
func accepted() *bench { return rung().recv(protocol.Accept{ID: benchID, Response: "answer"}) }
func ringing() *bench {
	b := remote(newBench())
	b.env.App = true
	return b.step(invitation.AppCame{}).step(invitation.HandedOver{})
}
func bid() *bench { return ringing().step(acceptVerb) }

var situations = []situation{
	{"idle", func() *bench { return local(newBench()) }},
	{"sent_to_remote, no session ever", func() *bench {
		b := newBench()
		b.env.Link = invitation.Link{}
		return local(b).step(invitation.Send{})
	}},
	{"sent_to_remote", sent},
	{"sent_to_remote, known", func() *bench { return sent().recv(protocol.Delivered{ID: benchID}) }},
	{"received_by_remote", rung},
	{"sent_to_remote, canceling", func() *bench { return sent().step(cancelVerb) }},
	{"received_by_remote, canceling", func() *bench { return rung().step(cancelVerb) }},
	{"accepted_by_remote, owing", accepted},
	{"accepted_by_remote", func() *bench { return accepted().recv(done(protocol.OutcomeAccepted)) }},
	{"refused_by_remote", func() *bench { return rung().recv(protocol.Refuse{ID: benchID, Reason: protocol.ReasonBusy}) }},
	{"canceled, owing", func() *bench { return rung().step(cancelVerb).pass(5 * time.Second).step(invitation.Wake{}) }},
	{"canceled", func() *bench { return rung().step(cancelVerb).recv(done(protocol.OutcomeCanceled)) }},
	{"failure, owing", func() *bench { return rung().pass(benchRing).step(invitation.Wake{}) }},
	{"failure", func() *bench { return rung().recv(done(protocol.OutcomeFailure)) }},
	{"held", func() *bench { return remote(newBench()) }},
	{"invitation_received", func() *bench {
		b := remote(newBench())
		b.env.App = true
		return b.step(invitation.AppCame{})
	}},
	{"invitation_received, handed over", ringing},
	{"accept_sent_to_local", bid},
	{"accept_sent_to_local, logging out", func() *bench { return bid().step(invitation.Logout{}) }},
	{"refused, owing", func() *bench { return ringing().step(refuseVerb) }},
	{"refused", func() *bench { return ringing().step(refuseVerb).recv(done(protocol.OutcomeRefused)) }},
	{"accepted", func() *bench { return bid().recv(protocol.Confirm{ID: benchID}) }},
	{"canceled", func() *bench { return ringing().recv(protocol.Cancel{ID: benchID, Reason: protocol.ReasonCanceled}) }},
	{"failure, owing", func() *bench { return ringing().hear(benchRing).step(invitation.Wake{}) }},
	{"failure", func() *bench { return ringing().recv(done(protocol.OutcomeFailure)) }},
	{"missed, owing", func() *bench { return remote(newBench()).pass(benchReach).step(invitation.Wake{}) }},
	{"missed", func() *bench { return remote(newBench()).recv(done(protocol.OutcomeFailure)) }},
	{"sent_to_remote, parked behind a lower one", func() *bench { return crossing(true).step(invitation.Park{Behind: otherID}) }},
	{"sent_to_remote, parked behind a higher one", func() *bench { return crossing(false).step(invitation.Park{Behind: otherID}) }},
	{"canceled, superseded, owing", func() *bench {
		return crossing(true).step(invitation.Park{Behind: otherID}).step(invitation.Superseded{By: otherID})
	}},
	{"held, an own one goes before it", func() *bench {
		b := remote(newBench())
		b.env.Hush, b.env.App = true, true
		return b
	}},
	{"accept_sent_to_local, an own one is parked behind it", tied},
	{"refused, withdrawn, owing", func() *bench { return tied().step(invitation.Withdraw{}) }},
}

// happening is what happens to a form in a situation.
type happening struct {
	name string
	do   func(b *bench) *bench
}

func input(name string, in invitation.Input) happening {
	return happening{name, func(b *bench) *bench { return b.step(in) }}
}

func message(msg protocol.Message) happening {
	return happening{describe(msg), func(b *bench) *bench { return b.recv(msg) }}
}

func waiting(d time.Duration, heard bool) happening {
	name := "wait " + strconv.Itoa(int(d.Seconds())) + " s"
	if heard {
		name += " hearing the other"
	}
	return happening{name, func(b *bench) *bench {
		if heard {
			return b.hear(d).step(invitation.Wake{})
		}
		return b.pass(d).step(invitation.Wake{})
	}}
}

func happenings() []happening {
	known := inviteMsg()
	known.Known, known.Content = true, ""
	odd := done(protocol.OutcomeFailure)
	odd.Failure = protocol.AcceptFailure
	newer := protocol.Done{ID: benchID, Outcome: 99}
	content := "new offer"
	return []happening{
		input("verb edit", invitation.Edit{Content: &content, ChannelID: &content}),
		input("verb send", invitation.Send{}), input("verb cancel", cancelVerb), input("verb accept", acceptVerb), input("verb refuse", refuseVerb),
		{"verb send, logged out", func(b *bench) *bench {
			b.env.Online = false
			return b.step(invitation.Send{})
		}},
		input("log out", invitation.Logout{}), input("log in", invitation.Login{}), input("new session", invitation.SessionUp{}), input("Done was read", invitation.DoneRead{}),
		input("handed over", invitation.HandedOver{}),
		{"app comes", func(b *bench) *bench {
			b.env.App = true
			return b.step(invitation.AppCame{})
		}},
		input("dialing", invitation.Stage{Progress: invitation.ProgressConnecting}),
		message(inviteMsg()), message(known), message(protocol.Delivered{ID: benchID}), message(received),
		message(protocol.Accept{ID: benchID, Response: "answer"}), message(protocol.Confirm{ID: benchID}),
		message(protocol.Refuse{ID: benchID, Reason: protocol.ReasonBusy, Response: "later"}),
		message(protocol.Cancel{ID: benchID, Reason: protocol.ReasonCanceled}),
		message(done(protocol.OutcomeUnknown)), message(done(protocol.OutcomeAccepted)), message(done(protocol.OutcomeRefused)),
		message(done(protocol.OutcomeCanceled)), message(done(protocol.OutcomeFailure)), message(odd), message(newer),
		waiting(5*time.Second, true), waiting(10*time.Second, false), waiting(30*time.Second, true), waiting(65*time.Second, true),
		{"wait 65 s with no frame read and a session open", func(b *bench) *bench {
			b.env.Link.LastHeard = b.env.Now.Clock.Add(60 * time.Second) // heard, but too long ago for the confirm clock
			return b.pass(65 * time.Second).step(invitation.Wake{})
		}},
		{"wait 30 s, never hearing the other", func(b *bench) *bench { return b.pass(benchReach).step(invitation.Wake{}) }},
		{"log out, and 5 s without a session", func(b *bench) *bench {
			b.step(invitation.Logout{})
			b.env.Link.Writable, b.env.Link.Open = false, false
			return b.pass(5 * time.Second).step(invitation.Wake{})
		}},
		{"log out and in again, and 5 s without a session", func(b *bench) *bench {
			b.step(invitation.Logout{}).step(invitation.Login{})
			b.env.Link.Writable, b.env.Link.Open = false, false
			return b.pass(5 * time.Second).step(invitation.Wake{})
		}},
		waiting(24*time.Hour, true),
		input("crossed", invitation.Cross{With: otherID}), input("park", invitation.Park{Behind: otherID}), input("unpark", invitation.Unpark{}),
		input("bid for an own one", invitation.Bid{For: otherID, Response: "own offer"}), input("withdraw", invitation.Withdraw{}),
		input("own one ended", invitation.Alone{}), input("superseded", invitation.Superseded{By: otherID}),
		input("superseded, to be told", invitation.Superseded{By: otherID, Tell: true}), input("unhush", invitation.Unhush{}),
		{"unhush, app there", func(b *bench) *bench {
			b.env.App = true
			return b.step(invitation.Unhush{})
		}},
		message(protocol.Accept{ID: benchID, Response: "answer", Supersedes: otherID}),
		input("verb accept for an own one", invitation.Accept{Response: "answer", Supersedes: otherID}),
	}
}
