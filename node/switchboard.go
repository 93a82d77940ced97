package node

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	logging "github.com/ipfs/go-log/v2"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

var log = logging.Logger("node")

// The switchboard's own bounds.
const (
	inboxSize = 1024 // jobs waiting; whoever posts more waits, and so does its peer
	turnSize  = 256  // jobs of one turn, which share one transaction
	maxLive   = 8192 // live invitations of either kind: 16 KiB of content each; strangers must not use up what our calls need
)

// session is what the switchboard needs of a stream.Session.
type session interface {
	Send(msgs ...protocol.Message) error
	Heard() (last, since protocol.Instant)
	SetLive(live bool)
	Fail(why error)
}

// A job is something to do on the switchboard's goroutine. It must not block.
type job func(t *turn)

// switchboard owns every live invitation. It is one goroutine; everybody else
// posts it jobs. It takes what is waiting as one turn and obeys what the
// machines put out in its order: journal all of it in one transaction, then
// send, then wake the apps' streams and answer the verbs.
type switchboard struct {
	self    protocol.PeerID
	clock   Clock
	journal *journal.Journal
	metrics *metrics

	inbox chan job
	quit  chan struct{}
	done  chan struct{}

	started bool
	dials   sync.WaitGroup // every dial that is under way

	entries  map[protocol.ID]*entry
	peers    map[protocol.PeerID]*peerState
	timers   timers
	notices  notices
	apps     map[string]int // streams that count, by app
	subs     map[*Subscription]struct{}
	locals   int // LocalInvitations that have not ended
	remotes  int // RemoteInvitations that are live or owe
	bids     int // of them, those that wait for a Confirm
	online   bool
	dialer   dialer // nil while there is no network
	state    NodeState
	wish     atomic.Bool  // online, for others to read
	stateNow atomic.Value // state, for others to read

	allowances allowances
	unanswered int           // since the journal was pruned on their account
	untidy     chan struct{} // has room for one: there is much to prune

	drained []func() // called once no bid waits any more

	newID func() protocol.ID
	// spawn runs a dial, which takes its time, on a goroutine of its own.
	spawn    func(to protocol.PeerID, dial func())
	readSize int   // of one Next; less than its constant in simulations only
	lagLimit int64 // likewise
	// What simulations hook into; nil elsewhere.
	observe func(t *turn, at moment) // may die within a turn
	asked   func()                   // before a verb waits for its turn
}

// moment is a place within a turn that changes something.
type moment string

const (
	beforeCommit moment = "before commit"
	committed    moment = "committed" // and nothing sent
	sent         moment = "sent"      // and no app told
)

func newSwitchboard(self protocol.PeerID, clock Clock, j *journal.Journal, m *metrics) *switchboard {
	return &switchboard{
		self: self, clock: clock, journal: j, metrics: m,
		inbox: make(chan job, inboxSize), quit: make(chan struct{}), done: make(chan struct{}),
		entries: map[protocol.ID]*entry{}, peers: map[protocol.PeerID]*peerState{},
		apps: map[string]int{}, subs: map[*Subscription]struct{}{},
		state: StateOffline, allowances: allowances{}, untidy: make(chan struct{}, 1),
		readSize: readSize, lagLimit: lagLimit,
		newID: protocol.NewID, spawn: func(_ protocol.PeerID, dial func()) { go dial() },
	}
}

// post hands a job over. It waits while the inbox is full and reports false
// once the switchboard has stopped.
func (sb *switchboard) post(j job) bool {
	select {
	case <-sb.quit:
		return false
	default:
	}
	select {
	case sb.inbox <- j:
		return true
	case <-sb.quit:
		return false
	}
}

// start runs the goroutine.
func (sb *switchboard) start() {
	sb.started = true
	go sb.run()
}

// run is the one goroutine. It returns after stop.
func (sb *switchboard) run() {
	defer close(sb.done)
	alarm := sb.clock.Alarm()
	defer alarm.Close()
	for {
		var first job
		select {
		case <-sb.quit:
			sb.flushSteps()
			return
		case first = <-sb.inbox:
		case <-alarm.C():
		}
		sb.turn(first)
		alarm.Set(sb.timers.next())
	}
}

// turn fires what is overdue, does the jobs that are waiting, and obeys.
func (sb *switchboard) turn(first job) {
	t := &turn{sb: sb, now: sb.clock.Stamp()}
	for _, tm := range sb.timers.due(t.now.Clock) {
		tm.fire(t)
	}
	if first != nil {
		first(t)
	fill:
		for range turnSize - 1 {
			select {
			case j := <-sb.inbox:
				j(t)
			default:
				break fill
			}
		}
	}
	t.obey()
}

// stop ends the goroutine and waits for it and its dials. Nothing is said to
// anybody: what is live goes on at the next start.
func (sb *switchboard) stop() {
	close(sb.quit)
	<-sb.done
	for p := range sb.subs {
		close(p.stopped)
	}
	for _, p := range sb.peers {
		p.stopDial()
	}
	sb.stopNoticeDials()
	sb.dials.Wait()
}

// turn is what one round of the switchboard has gathered.
type turn struct {
	sb    *switchboard
	now   invitation.Stamp
	batch journal.Batch

	touched  map[*entry]*invitation.Machine // as it was before; nil: it was not there
	undos    []func()                       // what else must be taken back if the commit fails
	changed  []*entry                       // to be journalled, in order
	received []receipt                      // events that hand-over by cursor needs to know
	sends    []outgoing
	peers    map[*peerState]struct{} // whose needs may have changed
	after    []func(err error)       // what waits for the commit
	dropped  []*entry                // idle forms that were discarded
	trails   []*entry                // whose steps are written
	keys     map[string]keyed        // taken in this turn, not yet in the journal
	graves   map[grave]bool          // dug in this turn, not yet in the journal
}

type outgoing struct {
	s    session
	msgs []protocol.Message
}

type receipt struct {
	e     *entry
	event int // index in the batch
}

// obey does what the turn has gathered: persist, send, emit, wake.
func (t *turn) obey() {
	t.noteMissed()
	t.observed(beforeCommit)
	if err := t.persist(); err != nil {
		t.undo(err)
		return
	}
	t.observed(committed)
	for _, o := range t.sends {
		if err := o.s.Send(o.msgs...); err != nil {
			log.Debugw("send", "err", err) // the session is ending; what is owed is said on the next one
		}
	}
	t.observed(sent)
	if len(t.batch.Events) > 0 {
		for s := range t.sb.subs {
			s.poke()
		}
	}
	t.settle()
	for _, f := range t.after {
		f(nil)
	}
}

// flush obeys what was gathered so far, so that the rest of the turn starts
// from what is journalled.
func (t *turn) flush() {
	t.obey()
	*t = turn{sb: t.sb, now: t.now}
}

func (t *turn) observed(at moment) {
	if t.sb.observe != nil && (len(t.changed) > 0 || t.batch.Notices()) {
		t.sb.observe(t, at)
	}
}

func (t *turn) persist() error {
	for _, e := range t.changed {
		t.batch.Put(e.machine.Form())
	}
	t.putSteps()
	if t.batch.Empty() {
		return nil
	}
	start := time.Now()
	if err := t.sb.journal.Commit(&t.batch); err != nil {
		return err
	}
	t.sb.metrics.committed(time.Since(start))
	t.stepsWritten()
	for _, r := range t.received {
		r.e.receivedSeq = t.batch.Events[r.event].Seq
	}
	return nil
}

// undo takes everything back to what is journalled: nothing was said, and
// nobody is told what could not be kept. Peers repeat what they are owed.
func (t *turn) undo(err error) {
	log.Errorw("the journal could not be written; nothing of this moment was done", "err", err)
	t.sb.metrics.commitFailed()
	for _, e := range inOrder(t.touched) {
		if before := t.touched[e]; before == nil {
			t.sb.forget(e)
		} else {
			*e.machine, e.resay = *before, t.now.Clock.Add(retryCommit)
			t.sb.timers.set(&e.timer, e.resay)
			t.undoSteps(e)
		}
		t.consider(e.peer)
	}
	t.retrySteps()
	for _, take := range slices.Backward(t.undos) {
		take()
	}
	t.servePeers()
	fail := protocol.Errorf(protocol.CodeInternal, "nothing was done, because the journal could not be written: %v", err)
	for _, f := range t.after {
		f(fail)
	}
}

// retryCommit is when clocks that were over are tried again after a failed
// commit.
const retryCommit = time.Second
