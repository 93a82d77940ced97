package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
)

// deviceMutant is a broken rule of what is around the machines: the switchboard,
// the journal, the sessions. Its killer is the simulation of whole devices, or the
// named test of the file's own package where the simulation does not run the code.
type deviceMutant struct{ name, rule, file, find, replace, test string }

var deviceMutants = []deviceMutant{
	{"tell-before-commit", "journal first, then answer", "node/switchboard.go",
		"\tif err := t.persist(); err != nil {", "\tfor _, f := range t.after {\n\t\tf(nil)\n\t}\n\tt.after = nil\n\tif err := t.persist(); err != nil {", ""},
	{"send-before-commit", "journal first, then send", "node/switchboard.go",
		"\tif err := t.persist(); err != nil {", "\tfor _, o := range t.sends {\n\t\t_ = o.s.Send(o.msgs...)\n\t}\n\tt.sends = nil\n\tif err := t.persist(); err != nil {", ""},
	{"failed-commit-kept", "a failed commit takes back all of its moment", "node/switchboard.go",
		"*e.machine, e.resay = *before, t.now.Clock.Add(retryCommit)", "e.resay = t.now.Clock.Add(retryCommit)", ""},
	{"failed-commit-said-never", "what a failed commit did not say is said later", "node/switchboard.go",
		"\t\t\t*e.machine, e.resay = *before, t.now.Clock.Add(retryCommit)\n\t\t\tt.sb.timers.set(&e.timer, e.resay)", "\t\t\t*e.machine = *before\n\t\t\tt.sb.timers.set(&e.timer, t.now.Clock.Add(retryCommit))", "TestFailedCommitSaysLater"},
	{"failed-creation-stays", "a failed commit leaves no invitation behind", "node/switchboard.go",
		"\t\t\tt.sb.forget(e)\n\t\t} else {", "\t\t\t_ = e\n\t\t} else {", ""},
	{"streams-not-woken", "every stream gets every event", "node/switchboard.go",
		"\t\t\ts.poke()", "\t\t\t_ = s", ""},
	{"observer-counts", "only an app that counts is handed an invitation", "node/types.go",
		"return len(s.Apps) > 0 && !s.Observe", "return len(s.Apps) > 0", ""},
	{"key-after-commit", "the idempotency key is in the same transaction", "node/verbs.go",
		"\t\tt.batch.Key(idem.Key, idem.Fingerprint, e.id, idem.Status)", "\t\tt.after = append(t.after, func(err error) {\n\t\t\tvar b journal.Batch\n\t\t\tb.Key(idem.Key, idem.Fingerprint, e.id, idem.Status)\n\t\t\tif err == nil {\n\t\t\t\t_ = t.sb.journal.Commit(&b)\n\t\t\t}\n\t\t})", ""},
	{"key-forgotten", "a request made again is not done again", "node/verbs.go",
		"\t\tt.batch.Key(idem.Key, idem.Fingerprint, e.id, idem.Status)", "", ""},
	{"session-switch-silent", "what is owed is said on every new session", "node/receive.go",
		"\t\t\tt.step(e, invitation.SessionUp{})", "\t\t\t_ = e", ""},
	{"older-session-ends-all", "the end of an older session changes nothing", "node/receive.go",
		"\t\tif p.session == s {\n\t\t\tp.traceDown(t, err)\n", "\t\tif true {\n\t\t\tp.traceDown(t, err)\n", ""},
	{"session-end-unnoticed", "a session that ended is dialled again", "node/receive.go",
		"\t\tlog.Debugw(\"session ended\", \"peer\", short(from), \"err\", err)\n\t\tt.consider(p)", "\t\tlog.Debugw(\"session ended\", \"peer\", short(from), \"err\", err)", ""},
	{"anybody-may-speak", "a message from any other peer changes nothing", "node/receive.go",
		"\tif f.Peer() != from {\n\t\tt.sb.metrics.stray()\n\t\treturn nil\n\t}", "", ""},
	{"no-tombstone", "a Cancel that overtakes its Invite is remembered", "node/receive.go",
		"\tt.batch.Tombstone(from, id)", "", ""},
	{"failed-dial-is-the-last", "it is dialled again and again", "node/peer.go",
		"\tp.stopDial()\n\tif err != nil {", "\tif err != nil {", ""},
	{"peer-never-let-go", "nothing beats where nothing is live", "node/peer.go",
		"\t\ts.SetLive(false)", "\t\t_ = s", ""},
	{"retired-timer-runs", "no timer outlives its invitation", "node/entry.go",
		"\tsb.timers.set(&e.timer, 0)\n\tsb.timers.set(&e.trail.timer, 0)\n", "\tsb.timers.set(&e.trail.timer, 0)\n", ""},
	{"sums-drift", "the sums are those of the entries", "node/entry.go",
		"\tsb.count(e, tally{})", "", ""},
	{"resume-one-late", "a cursor resumes strictly after it", "node/subscribe.go",
		"\tsub.after = after\n", "\tsub.after = after\n\tif resumed {\n\t\tsub.after++\n\t}\n", ""},
	{"resume-one-early", "a cursor resumes strictly after it", "node/subscribe.go",
		"\tsub.after = after\n", "\tsub.after = max(after-1, 0)\n", ""},
	{"resume-hands-nothing-over", "a cursor at or after the event is the hand-over", "node/subscribe.go",
		"\t\t\tt.step(e, invitation.HandedOver{})\n\t\t}\n\t}\n\treturn nil", "\t\t\t_ = e\n\t\t}\n\t}\n\treturn nil", ""},
	{"deadline-not-rebased", "another boot: time left minus the wall time passed", "node/journal/record.go",
		"\tf.Rebase(invitation.Stamp(r.Saved), now)\n", "", ""},
	{"epoch-kept", "an unclean machine boot starts a new epoch", "node/journal/journal.go",
		"if !clean && boot != now.BootID {", "if boot == \"never\" {", ""},
	{"epoch-at-every-start", "kill -9 does not change the epoch", "node/journal/journal.go",
		"if !clean && boot != now.BootID {", "if !clean && boot != \"\" {", ""},
	{"sync-dropped", "a power cut costs a second at the most", "node/journal/syncer.go",
		"\"PRAGMA wal_checkpoint(PASSIVE)\"", "\"SELECT 0, 0, 1\"", ""},
	{"sync-not-asked-for", "a power cut costs a second at the most", "node/journal/batch.go",
		"\tj.syncer.mark()\n", "", ""},
	{"last-event-lost", "callbacks are journalled with their change", "node/journal/writer.go",
		"for i := range events {", "for i := range events[:max(0, len(events)-1)] {", ""},
	{"response-not-stored", "every transaction survives kill -9", "node/journal/writer.go",
		"k.forgotten || k.content == f.Content && k.response == f.Response", "true", ""},
	{"live-not-recovered", "live invitations go on after a restart", "node/journal/queries.go",
		"FROM invitations WHERE ended_at = 0\n", "FROM invitations WHERE ended_at = 1\n", ""},
	{"old-answer-discharges", "a Done is discharged by the answer to a later beat", "protocol/stream/reader.go",
		"if s.probe == 0 || a.Number < s.probe || a.Number > s.beats {", "if s.probe == 0 {", "TestDoneReadComesOnlyWhenThePeerHasReadIt"},
	{"silence-unnoticed", "nothing read for 6 s ends the session", "protocol/stream/keeper.go",
		"\tdefault:\n\t\ts.silent()", "\tdefault:\n\t\tsilentAt = now.Add(busyCheck)", ""},
	{"silent-connection-kept", "silence closes the connection", "protocol/stream/keeper.go",
		"\tif cut {", "\tif cut && err == nil {", ""},
	{"beat-unanswered", "a beat is answered at once", "protocol/stream/reader.go",
		"\t\ts.answer(f)", "\t\t_ = f", "TestLiveSessionStaysAndQuietOneIdlesOut"},
	{"idle-session-kept", "a session that nobody needs ends", "protocol/stream/keeper.go",
		"\tif now >= end && !s.busy.Load() {", "\tif now < s.openedAt {", ""},
	{"superseded-session-kept", "the opener closes a superseded session", "protocol/stream/registry.go",
		"if o != s && o.heard &&", "if o != s && !o.heard &&", "TestNewerSessionReplacesOlder"},
	{"unread-session-chosen", "a session that was read from is written on", "protocol/stream/registry.go",
		"\t\treturn a.heard\n", "\t\treturn b.heard\n", "TestChoose"},
	{"dead-session-chosen", "of several sessions the newest that was read from is written on", "protocol/stream/registry.go",
		"a.heard && aFresh != bFresh {", "false && aFresh != bFresh {", "TestChoose"},
	{"superseded-not-buried", "an Invite that comes after its invitation gave way never rings", "node/glare.go",
		"Bury(id protocol.ID) { d.t.bury(d.p.id, id) }", "Bury(protocol.ID) {}", ""},
	{"pair-not-recovered", "a pair that was journalled goes on after a restart", "node/journal/record.go",
		"\tf.Rebase(invitation.Stamp(r.Saved), now)\n", "\tf.Rebase(invitation.Stamp(r.Saved), now)\n\tf.Pair = protocol.ID{}\n", ""},
	{"crossed-is-not-said-later", "what a failed commit did not say is said later, whatever happens meanwhile", "node/entry.go",
		"if e.resay != 0 && (wake", "if false && (wake", "TestFailedCommitSaysLaterIfCrossed"},
	{"lagging-skips", "a reader that lags goes on where it was", "node/subscribe.go",
		"\t\t\treturn nil, ErrLagged", "\t\t\ts.after = last\n\t\t\treturn nil, ErrLagged", ""},
	{"pruned-is-a-gap", "a reader is told that retention was faster", "node/journal/log.go",
		"\tif after < pruned {", "\tif after < 0 && after < pruned {", ""},
	{"pruned-cursor-taken", "a cursor before what is kept is refused", "node/journal/log.go",
		"\tcase seq < max(pruned, head-j.keep):", "\tcase pruned < 0 && seq < head-j.keep:", ""},
	{"pruned-forgotten", "a sequence number never means two things", "node/journal/prune.go",
		"\"UPDATE journal SET pruned = ?\"", "\"SELECT ?\"", ""},
	{"young-pruned", "retention removes nothing before its time", "node/journal/prune.go",
		"nanos(now.Add(-j.young)), before+pruneChunk", "nanos(now), before+pruneChunk", ""},
	{"discarded-comes-back", "what was discarded is not brought back by its request", "node/entry.go",
		"} else if e.guest &&", "} else if false &&", "TestDiscardedDoesNotComeBack"},
	{"set-clock-believed", "a wall clock that was set makes nothing older in the next boot", "node/journal/steady.go",
		"(ahead - j.ahead).Abs() > aheadMargin", "false && aheadMargin > 0", "TestWallClockForgetsNothingInAnotherBoot"},
}

var (
	seedLine = regexp.MustCompile(`(?m)seed (\d+), step (\d+): (.*)$`)
)

// try runs the simulation, or the mutant's own test, and returns what notices.
func (m deviceMutant) try(root, tmp string, seeds int) ([]string, error) {
	overlay, err := overlaid(root, tmp, m.file, m.find, m.replace)
	if err != nil {
		return nil, err
	}
	if m.test != "" {
		out, err := goTest(root, "-timeout=90s", overlay, "-run=^"+m.test+"$", "./"+filepath.Dir(m.file))
		if err != nil || out == nil {
			return nil, err
		}
		return killers(out), nil
	}
	binary := filepath.Join(tmp, "simulate.test")
	build := exec.Command("go", "test", "-c", "-vet=off", overlay, "-o", binary, "./node")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("it does not compile: %s", firstLines(out))
	}
	sim := exec.Command(binary, "-test.run=^TestSimulation$", "-test.timeout=90s", fmt.Sprint("-sim.seeds=", seeds))
	sim.Dir = filepath.Join(root, "node")
	out, err := sim.CombinedOutput()
	if err == nil {
		return nil, nil
	}
	found := seedLine.FindSubmatch(out)
	if found == nil {
		return []string{"a crash: " + firstLines(out)}, nil
	}
	return []string{fmt.Sprintf("seed %s, step %s: %s", found[1], found[2], found[3])}, nil
}
