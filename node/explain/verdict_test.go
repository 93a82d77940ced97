package explain

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// a form of one kind, sent at noon.
func form(kind invitation.Kind, state invitation.State, change func(*invitation.Form)) invitation.Form {
	f := invitation.Form{
		Kind: kind, State: state, App: "door", Callee: "12D3KooWthem", Reach: 30 * time.Second, Ring: time.Minute,
		CreatedAt: noon, SentAt: noon,
	}
	if state.Terminal() {
		f.EndedAt = noon.Add(30 * time.Second)
	}
	if change != nil {
		change(&f)
	}
	return f
}

func failed(why protocol.Failure) func(*invitation.Form) {
	return func(f *invitation.Form) { f.Failure = why }
}

func reason(r protocol.Reason) func(*invitation.Form) {
	return func(f *invitation.Form) { f.Reason = r }
}

// at is a step at a time in seconds.
func at(seconds float64, c Code, change ...func(*Step)) Step {
	s := Step{Code: c, Since: int64(seconds * 1e6), Side: Here}
	for _, f := range change {
		f(&s)
	}
	return s
}

func word(e string) func(*Step)   { return func(s *Step) { s.Error = e } }
func over1(t string) func(*Step)  { return func(s *Step) { s.Transport = t } }
func knew(n int) func(*Step)      { return func(s *Step) { s.Addresses = n } }
func from(src string) func(*Step) { return func(s *Step) { s.Source = src } }

// sought are the steps of a search that found an address, and then these.
func sought(more ...Step) []Step {
	return append([]Step{at(0, Sent), at(0, Asked, from("cache,dht")), at(0, Answered, from("cache"), knew(2)), at(0, Dialing, knew(2))}, more...)
}

func dialFailed(e string) Step { return at(1, DialFailed, word(e)) }

// verdicts has a case for every cause; rang and a word of the sentence are
// checked with it.
var verdicts = []struct {
	code  string
	rang  bool
	says  string
	form  invitation.Form
	steps []Step
}{
	{"not_sent", false, "not sent yet", form(local, invitation.Idle, nil), nil},
	{"canceling", false, "withdrawn", form(local, invitation.SentToRemote, func(f *invitation.Form) { f.Canceling = true }), nil},
	{"ringing", true, "nobody has answered yet", form(local, invitation.ReceivedByRemote, func(f *invitation.Form) { f.ReceivedAt = noon.Add(time.Second) }), nil},
	{"waiting_for_app", false, "no app there is listening", form(local, invitation.SentToRemote, nil), []Step{at(0, DeliveredRead)}},
	{"waiting", false, "nobody had known an address of the callee (cache, dht) so far", form(local, invitation.SentToRemote, nil), []Step{at(0, Asked, from("cache,dht"))}},
	{"waiting", false, "no address of the callee had answered", form(local, invitation.SentToRemote, nil), sought()},
	{"accepted_unconfirmed", true, "did not come to know", form(local, invitation.AcceptedByRemote, nil), []Step{at(9, Unconfirmed)}},
	{"merged_accepted", false, "became this one", form(remote, invitation.Accepted, func(f *invitation.Form) { f.MergedWith = protocol.ID{1} }), []Step{at(0, GlareBid)}},
	{"merged_here", false, "took the place", form(remote, invitation.Missed, reason(protocol.ReasonSuperseded)), []Step{at(0, Superseded)}},
	{"accepted", true, "It rang after 300 ms and was accepted", form(local, invitation.AcceptedByRemote, nil), []Step{at(0, Sent), at(0.3, ReceivedRead)}},
	{"no_room", false, "no room", form(local, invitation.RefusedByRemote, reason(protocol.ReasonBusy)), []Step{at(0.1, RefuseRead)}},
	{"do_not_disturb", true, "disturbed", form(local, invitation.RefusedByRemote, reason(protocol.ReasonDoNotDisturb)), nil},
	{"not_allowed", true, "does not take", form(local, invitation.RefusedByRemote, reason(protocol.ReasonNotAllowed)), nil},
	{"unsupported", true, "cannot do", form(local, invitation.RefusedByRemote, reason(protocol.ReasonUnsupported)), nil},
	{"busy", true, "busy", form(local, invitation.RefusedByRemote, reason(protocol.ReasonBusy)), []Step{at(0.1, ReceivedRead)}},
	{"refused", true, "was refused (declined)", form(local, invitation.RefusedByRemote, reason(protocol.ReasonDeclined)), nil},
	{"not_logged_in", false, "logged out", form(local, invitation.Failed, failed(protocol.NotLoggedIn)), []Step{at(0, NotLoggedIn)}},
	{"logged_out", false, "logged out", form(local, invitation.Canceled, reason(protocol.ReasonShutdown)), []Step{at(1, LoggedOut)}},
	{"superseded", false, "at the same time", form(local, invitation.Canceled, reason(protocol.ReasonSuperseded)), nil},
	{"canceled_while_ringing", true, "withdrew it after 30.0 s", form(local, invitation.Canceled, nil), []Step{at(1, ReceivedRead)}},
	{"canceled_before_ring", false, "no app there was listening", form(local, invitation.Canceled, nil), []Step{at(1, DeliveredRead)}},
	{"canceled_before_ring", false, "no address of the callee had answered", form(local, invitation.Canceled, nil), sought()},
	{"never_sent", false, "never sent", form(local, invitation.Failed, func(f *invitation.Form) {
		f.Failure, f.SentAt = protocol.InvitationExpire, time.Time{}
	}), []Step{at(86400, IdleOver)}},
	{"not_beckon", false, "does not speak", form(local, invitation.Failed, failed(protocol.PeerOffline)), sought(at(1, SessionUp), at(1, SessionDown, word(ErrNotSpoken)))},
	{"callee_gone", false, "went away", form(local, invitation.Failed, failed(protocol.PeerOffline)), []Step{at(0, SessionUp), at(6, SessionDown, word(ErrSilent)), at(7, DialFailed, word(ErrRefused))}},
	{"callee_silent", false, "said nothing", form(local, invitation.Failed, failed(protocol.PeerOffline)), []Step{at(0, SessionUp), at(0, InviteWritten), at(30, ReachOver)}},
	{"no_network", false, "not on its network", form(local, invitation.Failed, failed(protocol.PeerOffline)), []Step{at(0, Sent), at(0, NoNetwork)}},
	{"no_address", false, "nobody knew an address of the callee (cache, dht)", form(local, invitation.Failed, failed(protocol.PeerOffline)),
		[]Step{at(0, Asked, from("cache,dht")), at(0, Answered, from("cache")), at(4, SourceSilent, from("dht"))}},
	{"wrong_peer", false, "another peer", form(local, invitation.Failed, failed(protocol.PeerOffline)), sought(dialFailed(ErrWrongPeer), dialFailed(ErrRefused))},
	{"handshake_failed", false, "handshake", form(local, invitation.Failed, failed(protocol.PeerOffline)), sought(dialFailed(ErrHandshake), dialFailed(ErrTimeout))},
	{"refused_address", false, "nothing listens at the callee's known addresses", form(local, invitation.Failed, failed(protocol.PeerOffline)), sought(dialFailed(ErrRefused))},
	{"refused_address", false, "TCP was refused, QUIC did not answer", form(local, invitation.Failed, failed(protocol.PeerOffline)), sought(dialFailed(ErrRefused), dialFailed(ErrTimeout))},
	{"no_answer", false, "no known address of the callee answered", form(local, invitation.Failed, failed(protocol.PeerOffline)), sought(dialFailed(ErrTimeout))},
	{"no_answer", false, "no known address of the callee answered", form(local, invitation.Failed, failed(protocol.PeerOffline)), sought()},
	{"no_route", false, "does not lead", form(local, invitation.Failed, failed(protocol.PeerOffline)), sought(dialFailed(ErrNoRoute))},
	{"unreachable", false, "could be dialed: no answer in time; the network does not lead there", form(local, invitation.Failed, failed(protocol.PeerOffline)), sought(dialFailed(ErrNoRoute), dialFailed(ErrTimeout))},
	{"offline", false, "not heard", form(local, invitation.Failed, failed(protocol.PeerOffline)), nil},
	{"no_app", false, "had it for 29.7 s, and no app there was listening for door", form(local, invitation.Failed, failed(protocol.PeerNoResponse)), []Step{at(0.3, DeliveredRead), at(30, ReachOver)}},
	{"no_response", false, "never said", form(local, invitation.Failed, failed(protocol.PeerNoResponse)), []Step{at(0, SessionUp)}},
	{"app_came_late", true, "no app was listening for the first 12.0 s; nobody answered", form(local, invitation.Failed, failed(protocol.InvitationExpire)), []Step{at(0.3, DeliveredRead), at(12.3, ReceivedRead)}},
	{"nobody_answered", true, "It rang after 300 ms, and nobody answered within the ring time of 60.0 s", form(local, invitation.Failed, failed(protocol.InvitationExpire)), []Step{at(0.3, ReceivedRead)}},
	{"callee_lost", true, "lost this device", form(local, invitation.Failed, failed(protocol.PeerOffline)), []Step{at(0.3, ReceivedRead)}},

	{"rings_here", false, "rings here now", form(remote, invitation.InvitationReceived, nil), nil},
	{"bid_waits", true, "awaited", form(remote, invitation.AcceptSentToLocal, func(f *invitation.Form) { f.HandedOver = true }), nil},
	{"accepted_here", true, "late, because no app was listening for the first 12.0 s", form(remote, invitation.Accepted, nil), []Step{at(0, NoApp), at(12, AppCame), at(12, HandedOver)}},
	{"refused_here", true, "refused here (busy)", form(remote, invitation.Refused, reason(protocol.ReasonBusy)), []Step{at(0, HandedOver)}},
	{"late_arrival", false, "reach time was over", form(remote, invitation.Missed, func(f *invitation.Form) { f.Reach = 0 }), []Step{at(0, InviteRead), at(0, ReachOver)}},
	{"logged_out_here", false, "logged out", form(remote, invitation.Missed, nil), []Step{at(1, LoggedOut)}},
	{"caller_gave_up", false, "the caller gave up after 30.0 s", form(remote, invitation.Missed, nil), []Step{at(0, NoApp), at(30, CancelRead)}},
	{"no_app_here", false, "until the reach time was over", form(remote, invitation.Missed, nil), []Step{at(30, DoneRead, word("peer_no_response"))}},
	{"no_app_here", false, "no app here was listening for door", form(remote, invitation.Missed, nil), []Step{at(0, NoApp), at(30, ReachOver)}},
	{"answered_elsewhere", true, "answered on another device", form(remote, invitation.Canceled, reason(protocol.ReasonAnsweredElsewhere)), []Step{at(0, HandedOver)}},
	{"refused_elsewhere", true, "refused on another device", form(remote, invitation.Canceled, reason(protocol.ReasonRefusedElsewhere)), []Step{at(0, HandedOver)}},
	{"merged", true, "same time", form(remote, invitation.Canceled, reason(protocol.ReasonSuperseded)), []Step{at(0, HandedOver)}},
	{"canceled_while_bid", true, "in the same moment", form(remote, invitation.Canceled, nil), []Step{at(0, HandedOver), at(1, Accept), at(1, CancelRead)}},
	{"caller_canceled", true, "withdrew it after 30.0 s (canceled)", form(remote, invitation.Canceled, reason(protocol.ReasonCanceled)), []Step{at(0, HandedOver)}},
	{"expired_while_bid", true, "too late", form(remote, invitation.Failed, failed(protocol.InvitationExpire)), []Step{at(0, HandedOver), at(1, Accept)}},
	{"app_vanished", false, "did not read", form(remote, invitation.Failed, failed(protocol.InvitationExpire)), []Step{at(0, AppTold), at(30, UnhandedOver)}},
	{"unanswered_here", true, "nobody answered in time", form(remote, invitation.Failed, failed(protocol.InvitationExpire)), []Step{at(0, HandedOver), at(60, RingOver)}},
	{"logged_out_ringing", true, "logged out", form(remote, invitation.Failed, failed(protocol.PeerOffline)), []Step{at(0, HandedOver), at(1, LoggedOut)}},
	{"caller_lost_while_bid", true, "before it could confirm", form(remote, invitation.Failed, failed(protocol.PeerOffline)), []Step{at(0, HandedOver), at(1, Accept), at(11, CallerLost)}},
	{"caller_lost", true, "not been heard for 10 s", form(remote, invitation.Failed, failed(protocol.PeerOffline)), []Step{at(0, HandedOver), at(11, CallerLost)}},
	{"accept_unconfirmed", true, "did not confirm", form(remote, invitation.Failed, failed(protocol.AcceptFailure)), []Step{at(0, HandedOver), at(1, Accept)}},
	{"unclear", false, "nothing more is known", form(remote, "a_new_state", nil), nil},
}

func TestVerdicts(t *testing.T) {
	var tested []string
	for _, c := range verdicts {
		v := Judge(c.form, c.steps)
		if v.Code != c.code || v.Rang != c.rang || !strings.Contains(v.Sentence, c.says) {
			t.Errorf("%s: got %+v; want rang %v and %q", c.code, v, c.rang, c.says)
		}
		if strings.HasSuffix(v.Sentence, ".") || strings.HasSuffix(v.Advice, ".") {
			t.Errorf("%s: the sentence and the advice are ended by who shows them: %+v", c.code, v)
		}
		tested = append(tested, c.code)
	}
	for _, code := range Causes() {
		if !slices.Contains(tested, code) {
			t.Errorf("no case for the cause %s", code)
		}
	}
}

// TestVerdictWithoutSteps: what is older than the steps, or forgotten, is judged by
// its form, and a verdict never lacks a sentence.
func TestVerdictWithoutSteps(t *testing.T) {
	for _, c := range verdicts {
		if v := Judge(c.form, nil); v.Sentence == "" || v.Code == "" {
			t.Errorf("%s: got %+v", c.code, v)
		}
	}
}

func TestWarnings(t *testing.T) {
	accepted := form(local, invitation.AcceptedByRemote, nil)
	relayed := accepted
	relayed.Path = invitation.PathRelayed
	for want, c := range map[string]struct {
		form  invitation.Form
		steps []Step
	}{
		"udp_blocked":    {accepted, []Step{at(0, Dialing, over1("quic,tcp")), at(0.3, Connected, over1("tcp")), at(0.4, ReceivedRead)}},
		"relayed":        {relayed, nil},
		"app_came_late":  {accepted, []Step{at(0, DeliveredRead), at(2, ReceivedRead)}},
		"session_broke":  {accepted, []Step{at(0, SessionDown, word(ErrBroken))}},
		"restarted":      {accepted, []Step{at(0, Restarted)}},
		"journal_failed": {accepted, []Step{at(0, JournalFailed)}},
		"steps_left_out": {accepted, []Step{at(0, LeftOut)}},
	} {
		v := Judge(c.form, c.steps)
		if len(v.Warnings) != 1 || v.Warnings[0].Code != want || v.Warnings[0].Sentence == "" {
			t.Errorf("%s: got %+v", want, v.Warnings)
		}
	}
	for _, steps := range [][]Step{
		{at(0, Dialing, over1("tcp")), at(0.3, Connected, over1("tcp"))},
		{at(0, Dialing, over1("quic,tcp")), at(0.3, Connected, over1("quic"))},
		{at(0, DeliveredRead), at(0.5, ReceivedRead)},
	} {
		if v := Judge(accepted, steps); len(v.Warnings) > 0 {
			t.Errorf("%v: warned of %+v", steps, v.Warnings)
		}
	}
	if len(warnings) != 7 {
		t.Errorf("%d warnings: add a case here for each", len(warnings))
	}
}

// TestTheOthersDialsAreNotOurs: codes of the other side have no facts, and must
// not pass for ours.
func TestTheOthersDialsAreNotOurs(t *testing.T) {
	theirs := at(0, Dialing)
	theirs.Side = There
	v := Judge(form(local, invitation.Failed, failed(protocol.PeerOffline)), []Step{at(0, Asked), theirs})
	if v.Code != "no_address" {
		t.Errorf("got %+v", v)
	}
}
