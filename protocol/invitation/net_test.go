package invitation_test

import (
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// transportTimeout is when the connection itself gives up.
const transportTimeout = 40 * time.Second

type endState int

const (
	endNone endState = iota
	endUp
	endClosed
)

// session is a stream between the two devices. Each direction keeps its order
// and loses nothing, until it loses everything.
type session struct {
	id, opener int
	life       [2]int // of the devices that it is between
	end        [2]endState
	read       [2]bool          // that end has read a frame
	lastRead   [2]time.Duration // or was opened
	dead       [2]bool          // what is sent to that end is lost
	stalled    time.Duration    // until then frames wait
	delay      [2]time.Duration // to that end
	last       [2]time.Duration // the last arrival at that end
	beats      [2]uint64        // sent by that end
	resetting  bool             // written to, and its other end is no more
	watched    [2]bool          // that end has an alarm for silence
}

func (w *world) open(d *device) {
	w.sessions++
	s := &session{id: w.sessions, opener: d.n, life: [2]int{w.dev[0].life, w.dev[1].life}}
	for i := range s.delay {
		s.delay[i] = w.latency + w.between(0, w.jitter)
	}
	if w.stallNext > 0 {
		s.stalled, w.stallNext = w.now+w.stallNext, 0
	}
	s.end[d.n], s.lastRead[d.n] = endUp, w.now
	d.sessions = append(d.sessions, s)
	w.logf("%s: opens session %d", d, s.id)
	d.relink()
	d.beat(s)
	d.watchSilence()
}

// write puts a frame on a session, as a write on a stream does: it never fails.
func (w *world) write(from *device, s *session, f protocol.Frame) {
	to := 1 - from.n
	if s.life[to] != w.dev[to].life {
		w.reset(from, s)
		return
	}
	if s.dead[to] || !w.link && s.stalled < w.now {
		return
	}
	w.frames++
	at := max(w.now+s.delay[to], s.last[to], s.stalled)
	s.last[to] = at
	w.arrive(s, to, at, f)
	if _, isMessage := f.(protocol.Message); isMessage && w.dup > 0 && w.rand.IntN(w.dup) == 0 {
		w.arrive(s, to, at+w.between(0, 4*time.Second), f)
	}
}

// reset ends a session whose other end died with its process or its machine.
func (w *world) reset(d *device, s *session) {
	if s.resetting {
		return
	}
	s.resetting = true
	wait := transportTimeout
	if w.dev[1-d.n].up && w.link {
		wait = 2 * s.delay[d.n]
	}
	d.after(wait, func() { d.lostSession(s, "is refused") })
}

func (w *world) arrive(s *session, to int, at time.Duration, f protocol.Frame) {
	d := w.dev[to]
	w.push(event{at: at, dev: to, life: d.life, do: func() { d.readFrame(s, f) }})
}

// readFrame is a frame, or with nil the end of the session, coming in.
func (d *device) readFrame(s *session, f protocol.Frame) {
	if !d.online || s.life[d.n] != d.life || s.end[d.n] == endClosed || s.dead[d.n] {
		return
	}
	if f == nil {
		d.lostSession(s, "ends")
		return
	}
	now := d.now().Clock
	if d.lastHeard == 0 || now.Sub(d.lastHeard) > protocol.StandStill {
		d.heardSince = now
	}
	d.lastHeard = now
	s.lastRead[d.n] = d.w.now
	if s.end[d.n] == endNone {
		s.end[d.n] = endUp
		d.sessions = append(d.sessions, s)
	}
	first := !s.read[d.n]
	s.read[d.n] = true
	if first {
		d.relink()
		d.watchSilence()
	}
	switch f := f.(type) {
	case protocol.Beat:
		d.w.write(d, s, protocol.BeatAnswer(f))
	case protocol.BeatAnswer:
		d.beatAnswered(s, f.Number)
	case protocol.Message:
		d.recv(f)
	}
}

// usable is the session to write on: the newest that was read from, or else
// the newest.
func (d *device) usable() *session {
	var best *session
	for _, s := range d.sessions {
		if best == nil || s.read[d.n] && !best.read[d.n] || s.read[d.n] == best.read[d.n] && s.id > best.id {
			best = s
		}
	}
	return best
}

// relink notices a change of the session to write on.
func (d *device) relink() {
	s := d.usable()
	if s == d.current {
		return
	}
	d.current = s
	if s == nil {
		return
	}
	if s.opener == d.n {
		for _, old := range d.sessions {
			if old.id < s.id {
				d.after(2*time.Second, func() { d.closeSession(old) })
			}
		}
	}
	d.stepAll(invitation.SessionUp{})
}

func (d *device) closeSession(s *session) {
	if s.end[d.n] == endUp {
		peer := 1 - d.n
		if !s.dead[peer] && d.w.link {
			d.w.arrive(s, peer, max(d.w.now+s.delay[peer], s.last[peer], s.stalled), nil)
		}
		d.lostSession(s, "closed")
	}
}

func (d *device) lostSession(s *session, how string) {
	if s.life[d.n] != d.life || s.end[d.n] != endUp {
		s.end[d.n] = endClosed
		return
	}
	s.end[d.n] = endClosed
	d.w.logf("%s: session %d %s", d, s.id, how)
	for i, o := range d.sessions {
		if o == s {
			d.sessions = append(d.sessions[:i:i], d.sessions[i+1:]...)
			break
		}
	}
	d.relink()
	d.attend()
}

// beat sends a beat and returns its number.
func (d *device) beat(s *session) uint64 {
	s.beats[d.n]++
	d.w.write(d, s, protocol.Beat{Number: s.beats[d.n]})
	return s.beats[d.n]
}

func (d *device) beatAnswered(s *session, number uint64) {
	for _, i := range d.insts {
		if i != nil && i.doneOn == s && i.doneBeat <= number {
			i.doneOn = nil
			d.step(i, invitation.DoneRead{})
		}
	}
}

// watchSilence ends the session on which nothing was read for too long, while
// something is live.
func (d *device) watchSilence() {
	for _, s := range d.sessions {
		if !s.watched[d.n] {
			d.watch(s)
		}
	}
}

func (d *device) watch(s *session) {
	s.watched[d.n] = d.liveSince >= 0
	if d.liveSince < 0 {
		return
	}
	over := max(s.lastRead[d.n], d.liveSince) + protocol.SessionSilence
	d.after(over-d.w.now, func() {
		switch {
		case s.end[d.n] != endUp || d.liveSince < 0:
			s.watched[d.n] = false
		case d.w.now >= max(s.lastRead[d.n], d.liveSince)+protocol.SessionSilence:
			d.w.logf("%s: nothing heard on session %d for 6 s", d, s.id)
			d.closeSession(s)
		default:
			d.watch(s)
		}
	})
}

// cut breaks all sessions: both sides notice, or the frames to some ends are
// lost without a word.
func (w *world) cut(noticed bool, dead [2]bool) {
	for _, s := range w.open2() {
		if noticed {
			for _, d := range w.dev {
				s.dead[d.n] = true
				if d.up && s.end[d.n] == endUp {
					d.lostSession(s, "breaks")
				}
			}
			continue
		}
		w.logf("session %d goes silent: to A %v, to B %v", s.id, dead[0], dead[1])
		w.cover.halfOpen(w)
		s.dead[0], s.dead[1] = s.dead[0] || dead[0], s.dead[1] || dead[1]
		w.at(w.now+transportTimeout, func() {
			for _, d := range w.dev {
				if d.up && s.end[d.n] == endUp {
					s.dead = [2]bool{true, true}
					d.lostSession(s, "times out")
				}
			}
		})
	}
}

// stall delays all frames on all sessions.
func (w *world) stall(long time.Duration) {
	for _, s := range w.open2() {
		w.logf("session %d stalls for %v", s.id, long)
		s.stalled = w.now + long
	}
}

// open2 are the sessions that are up at one of their ends.
func (w *world) open2() []*session {
	all := append([]*session{}, w.dev[0].sessions...)
	for _, s := range w.dev[1].sessions {
		if s.end[0] != endUp {
			all = append(all, s)
		}
	}
	return all
}
