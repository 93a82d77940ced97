package invitation

import (
	"fmt"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
)

// An explorer walks through every state that two devices can come to, which
// have a few invitations between them. The network is the worst there is: what
// was ever said may be read at any later moment, any number of times, or never.
// So every loss, repeat and order of messages is among the walks, and a daemon
// that is killed between journalling and sending is one whose words are never
// read. Users may do what they can at any moment, clocks may run out at any
// moment, and daemons may start again from their journals at any moment.
type explorer struct {
	plans []glarePlan
	noApp int // the device without an app; -1: none
	spare int // how many acts of users, clocks and restarts there may be, sends not counted

	machines []Machine // every form that was met, in every state; 0 is none
	numbers  map[Machine]uint16
	messages []said
	bits     map[said]int
	steps    map[deviceStep]deviceAfter
	fairs    map[[2]deviceState]string

	broken string
	rows   map[string]int // that were taken
}

// glarePlan is an invitation that may be sent at any moment. Its place in the
// list is its id.
type glarePlan struct {
	caller int
	glare  protocol.Glare
}

const most = 3 // invitations

// said is a message and who is to read it.
type said struct {
	to  int
	msg protocol.Message
}

type deviceState struct {
	forms  [most]uint16
	graves uint8
}

type globalState struct {
	dev  [2]deviceState
	said [2]uint64 // bits of what was ever said
	acts int16     // spent, where they are counted
}

type deviceStep struct {
	dev   int
	state deviceState
	act   act
}

type deviceAfter struct {
	state deviceState
	said  []int
	did   bool
}

// act is what happens at one device.
type act struct {
	what string
	n    int // of the invitation, or of the message
}

const exploreNow = protocol.Instant(1000 * time.Second)

func newExplorer(noApp, spare int, plans ...glarePlan) *explorer {
	return &explorer{
		plans: plans, noApp: noApp, spare: spare,
		machines: make([]Machine, 1), numbers: map[Machine]uint16{}, bits: map[said]int{},
		steps: map[deviceStep]deviceAfter{}, fairs: map[[2]deviceState]string{}, rows: map[string]int{},
	}
}

func planID(n int) protocol.ID { return protocol.ID{15: byte(n + 1)} }

func planOf(id protocol.ID) int { return int(id[15]) - 1 }

// stage is one device while something happens at it. It is a Driver.
type stage struct {
	x      *explorer
	dev    int
	ms     [most]*Machine
	before map[*Machine]Form
	graves uint8
	expire protocol.ID // the form whose clock is over
	said   []int
}

func (s *stage) Each(f func(m *Machine)) {
	for _, m := range s.ms {
		if m != nil {
			f(m)
		}
	}
}

func (s *stage) Env(f *Form) Env {
	env := Env{Now: Stamp{BootID: "boot", Clock: exploreNow}, Online: true, App: s.dev != s.x.noApp,
		Link: Link{Writable: true, Open: true, LastHeard: exploreNow, HeardSince: exploreNow}}
	if f.ID == s.expire {
		env.Now.Clock = f.Deadline.Add(protocol.ConfirmTime)
		env.Link.LastHeard = env.Now.Clock
	}
	return env
}

func (s *stage) Touch(m *Machine) { s.before[m] = m.form }

func (s *stage) Did(m *Machine, in Input, out Out) {
	s.x.checkStep(s, m, s.before[m], out)
	s.x.checkPair(s, m, s.before[m], in, out)
	for _, msg := range out.Send {
		s.said = append(s.said, s.x.bit(said{1 - s.dev, plainMessage(msg)}))
	}
}

func (s *stage) Add(m *Machine, out Out) {
	s.ms[planOf(m.form.ID)] = m
	s.before[m] = Form{}
	s.Did(m, nil, out)
}

func (s *stage) Find(id protocol.ID) *Machine { return s.ms[planOf(id)] }

func (s *stage) Bury(id protocol.ID) { s.graves |= 1 << planOf(id) }

// plainMessage takes out of a message what changes no decision.
func plainMessage(msg protocol.Message) protocol.Message {
	switch m := msg.(type) {
	case protocol.Invite:
		m.Known, m.Content, m.ReachLeft = false, "", protocol.DefaultReach
		return m
	case protocol.Received:
		m.RingLeft = protocol.DefaultRing
		return m
	case protocol.Done:
		m.Failure = ""
		return m
	}
	return msg
}

// plainMachine takes out of a machine what changes no decision here.
func plainMachine(m Machine) Machine {
	f := &m.form
	m.born, m.since, m.say, m.leaving = exploreNow, exploreNow, rhythm{}, 0
	if f.Deadline != 0 {
		f.Deadline = exploreNow.Add(time.Hour)
	}
	f.Known, f.Heard, f.Progress, f.Failure = false, false, ProgressRinging, ""
	f.CreatedAt, f.SentAt, f.ReceivedAt, f.AnsweredAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	if f.Ended() {
		f.EndedAt = time.Unix(1, 0)
		m.written = true
	}
	return m
}

func (x *explorer) number(m *Machine) uint16 {
	if m == nil {
		return 0
	}
	plain := plainMachine(*m)
	n, ok := x.numbers[plain]
	if !ok {
		n = uint16(len(x.machines))
		x.machines = append(x.machines, plain)
		x.numbers[plain] = n
	}
	return n
}

func (x *explorer) bit(s said) int {
	n, ok := x.bits[s]
	if !ok {
		n = len(x.messages)
		x.messages = append(x.messages, s)
		x.bits[s] = n
	}
	return n
}

// do lets something happen at a device. What was done once in a state is
// remembered.
func (x *explorer) do(dev int, state deviceState, a act) deviceAfter {
	key := deviceStep{dev, state, a}
	if after, ok := x.steps[key]; ok {
		return after
	}
	s := &stage{x: x, dev: dev, graves: state.graves, before: map[*Machine]Form{}}
	for n, number := range state.forms {
		if number != 0 {
			m := x.machines[number]
			s.ms[n] = &m
		}
	}
	var after deviceAfter
	after.did = s.act(Desk{s}, a)
	for n, m := range s.ms {
		after.state.forms[n] = x.number(m)
	}
	after.state.graves, after.said = s.graves, s.said
	x.steps[key] = after
	x.checkDevice(s, a)
	return after
}

// act does it; false: it is not possible now.
func (s *stage) act(d Desk, a act) bool {
	switch a.what {
	case "read":
		return s.read(d, s.x.messages[a.n].msg)
	case "restart":
		for n, m := range s.ms {
			if m != nil {
				s.ms[n] = Restore(s.Env(&m.form).Now, m.form)
			}
		}
		d.Each(func(m *Machine) { d.Step(m, Wake{}) })
		return true
	case "say again":
		d.Each(func(m *Machine) { d.Step(m, SessionUp{}) })
		return true
	case "send":
		return s.send(d, a.n)
	}
	m := s.ms[a.n]
	if m == nil {
		return false
	}
	f := m.form
	switch {
	case a.what == "cancel" && f.Kind == KindLocal && f.standing() == open:
		return d.Step(m, Cancel{Reason: protocol.ReasonCanceled}) == nil
	case a.what == "accept" && f.State == InvitationReceived:
		return d.Step(m, Accept{Response: "by hand"}) == nil
	case a.what == "refuse" && f.State == InvitationReceived:
		return d.Step(m, Refuse{Reason: protocol.ReasonBusy}) == nil
	case a.what == "hand over" && f.State == InvitationReceived && !f.HandedOver:
		return d.Step(m, HandedOver{}) == nil
	case a.what == "time" && m.Live() && f.Deadline != 0:
		s.expire = f.ID
		return d.Step(m, Wake{}) == nil
	case a.what == "done read" && f.Owes:
		return d.Step(m, DoneRead{}) == nil
	}
	return false
}

func (s *stage) send(d Desk, n int) bool {
	p := s.x.plans[n]
	if p.caller != s.dev || s.ms[n] != nil {
		return false
	}
	f := Form{ID: planID(n), Caller: peers[p.caller], Callee: peers[1-p.caller], App: "call", Content: fmt.Sprint("offer ", n),
		Reach: protocol.DefaultReach, Ring: protocol.DefaultRing, Glare: p.glare}
	m, out := NewLocal(s.Env(&f), f)
	s.Add(m, out)
	return d.Step(m, Send{}) == nil
}

var peers = [2]protocol.PeerID{"A", "B"}

// read is what a daemon does with a message.
func (s *stage) read(d Desk, msg protocol.Message) bool {
	n := planOf(msg.Invitation())
	if m := s.ms[n]; m != nil {
		d.Step(m, Recv{Message: msg})
		return true
	}
	done := protocol.Done{ID: msg.Invitation(), Outcome: protocol.OutcomeUnknown}
	switch msg := msg.(type) {
	case protocol.Invite:
		if s.graves&(1<<n) == 0 {
			d.Invited(peers[1-s.dev], peers[s.dev], msg)
			return true
		}
		done.Outcome, done.Reason = protocol.OutcomeCanceled, protocol.ReasonCanceled
	case protocol.Cancel:
		s.graves |= 1 << n
		done.Outcome, done.Reason = protocol.OutcomeCanceled, msg.Reason
	case protocol.Done:
		return true
	}
	s.said = append(s.said, s.x.bit(said{1 - s.dev, done}))
	return true
}

func (x *explorer) describe(g globalState) string {
	var b strings.Builder
	for dev, d := range g.dev {
		fmt.Fprintf(&b, " %s:", peers[dev])
		for n, number := range d.forms {
			if number != 0 {
				f := x.machines[number].form
				fmt.Fprintf(&b, " %d %s %s", n, f.Kind, f.State)
				if f.Canceling {
					b.WriteString(" canceling")
				}
				if !f.Pair.IsZero() {
					fmt.Fprintf(&b, " tied to %d", planOf(f.Pair))
				}
				if f.Reason != "" {
					fmt.Fprintf(&b, " (%s)", f.Reason)
				}
				if f.Owes {
					b.WriteString(" owes")
				}
				b.WriteString(";")
			}
		}
	}
	return b.String()
}
