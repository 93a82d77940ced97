package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

func (p *program) inviteCommand() *cli.Command {
	return &cli.Command{
		Name:      "invite",
		Usage:     "ring somebody, and follow the invitation to its end",
		ArgsUsage: "WHO",
		Description: `The exit code is that of the outcome; 0 is accepted. Ctrl-C cancels the
invitation. With --json each event of it is a line, the last one its end.

With --glare merge, if the callee calls this device at the same time and wants
to merge, too, the two invitations become one: it is accepted, and what theirs
carried is shown as the response. With --json the acceptance of theirs is a
line of its own, before the end of this one as superseded.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "content", Usage: "give the callee's app `TEXT`, at most 16 KiB; - reads standard input"},
			&cli.StringFlag{Name: "channel", Usage: "meet in `CHANNEL`"},
			&cli.StringFlag{Name: "app", Usage: "the `APP` to ring (default call)"},
			&cli.StringFlag{Name: "reach", Usage: "give up if no app has it after `DURATION` (default 30s)"},
			&cli.StringFlag{Name: "ring", Usage: "give up if it rang for `DURATION` (default 60s)"},
			&cli.StringFlag{Name: "glare", Usage: "`HOW` to go on if both call each other at once: merge, or independent (the default)"},
		},
		Action: p.invite,
	}
}

// cancelTime is how long Ctrl-C tries to have the cancel taken by a daemon
// that does not answer.
const cancelTime = 5 * time.Second

func (p *program) invite(c *cli.Context) error {
	req, err := p.invitationOf(c)
	if err != nil {
		return err
	}
	ctx := c.Context
	// What was begun is not torn by a signal: it is canceled in order.
	lasting := context.WithoutCancel(ctx)
	f := p.subscribe(lasting, client.EventOptions{Apps: []string{req.App}, Observe: true, FailFast: true})
	defer f.stop()
	select {
	case _, ok := <-f.events: // the hello: from here on nothing is missed
		if !ok {
			return f.err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	key := rand.Text()
	var inv api.Invitation
	err = persist(ctx, func() (err error) {
		once, cancel := quick(lasting)
		defer cancel()
		inv, err = p.client.CreateOnce(once, key, req)
		return err
	})
	if err != nil {
		return err
	}
	p.note("invitation %s", clean(inv.ID))
	w := &watch{program: p, inv: inv, stages: p.newStages()}
	defer w.stages.end()
	return w.follow(ctx, f)
}

func (p *program) invitationOf(c *cli.Context) (req api.CreateInvitation, err error) {
	req = api.CreateInvitation{
		App:       cmp.Or(c.String("app"), api.DefaultApp),
		ChannelID: c.String("channel"),
		Glare:     c.String("glare"),
	}
	if req.CalleeID, req.Addresses, err = parseWho(c.Args().First()); err != nil {
		return req, err
	}
	reach, err := duration("reach", c.String("reach"), time.Second, 10*time.Minute)
	if err != nil {
		return req, err
	}
	ring, err := duration("ring", c.String("ring"), time.Second, 10*time.Minute)
	if err != nil {
		return req, err
	}
	req.ReachMS, req.RingMS = reach.Milliseconds(), ring.Milliseconds()
	req.Content, err = p.content(c.String("content"))
	return req, err
}

// watch follows one local invitation to its end.
type watch struct {
	*program
	inv    api.Invitation // as it was last heard of
	stages *stages
	merged *api.Invitation // the other's, which took its place
}

func (w *watch) follow(ctx context.Context, f *feed) error {
	w.stages.show(w.inv)
	interrupt := ctx.Done()
	// An end that was seen in an answer is told when its event comes, or a
	// second later if the event log has lost it.
	var overdue <-chan time.Time
	if w.inv.Ended() {
		overdue = time.After(time.Second)
	}
	for {
		select {
		case ev, ok := <-f.events:
			switch {
			case !ok:
				return f.err
			case ev.Hello != nil && w.look(ctx):
				overdue = time.After(time.Second)
			case ev.Type == api.RemoteInvitationAccepted && ev.Invitation != nil && ev.Invitation.MergedWith == w.inv.ID:
				w.merge(ev)
			case ev.Invitation != nil && ev.Invitation.ID == w.inv.ID && ev.Invitation.Kind == api.KindLocal:
				if w.hear(ev); ev.Invitation.Ended() {
					return w.tell(ctx)
				}
			}
		case <-overdue:
			if w.json {
				w.event(client.Event{Event: api.Event{
					Time: w.inv.EndedAt, Type: endEvents[w.inv.State], App: w.inv.App, Invitation: &w.inv,
				}})
			}
			return w.tell(ctx)
		case <-w.stages.tick():
			w.stages.draw()
		case <-interrupt:
			if err := w.withdraw(ctx); !errors.Is(err, &api.Problem{Code: api.CodeAlreadyEnd}) {
				return err
			}
			interrupt = nil // it had just ended: tell how
		}
	}
}

// endEvents are the events of the ends of a local invitation.
var endEvents = map[string]string{
	api.AcceptedByRemote: api.LocalInvitationAccepted,
	api.RefusedByRemote:  api.LocalInvitationRefused,
	api.Canceled:         api.LocalInvitationCanceled,
	api.Failure:          api.LocalInvitationFailure,
}

// look asks how the invitation is after a new connection, and reports whether
// it has ended.
func (w *watch) look(ctx context.Context) bool {
	ctx, cancel := quick(context.WithoutCancel(ctx))
	defer cancel()
	inv, err := w.client.Get(ctx, w.inv.ID)
	if err != nil {
		return false // gone again: the next connection asks again
	}
	w.inv = inv
	w.stages.show(inv)
	return inv.Ended()
}

func (w *watch) hear(ev client.Event) {
	if w.json {
		w.event(ev)
	}
	if w.inv.Ended() && !ev.Invitation.Ended() {
		return // told late; how it ended is known from look
	}
	w.inv = *ev.Invitation
	w.stages.show(w.inv)
}

// merge notes the invitation that takes the place of this one.
func (w *watch) merge(ev client.Event) {
	if w.json {
		w.event(ev)
	}
	w.merged = ev.Invitation
}

// outcome is the invitation whose end counts: where two became one, the other's.
func (w *watch) outcome(ctx context.Context) api.Invitation {
	if w.inv.State != api.Canceled || w.inv.Reason != api.ReasonSuperseded || w.inv.MergedWith == "" {
		return w.inv
	}
	if w.merged == nil {
		ctx, cancel := quick(context.WithoutCancel(ctx))
		defer cancel()
		theirs, err := w.client.Get(ctx, w.inv.MergedWith)
		if err != nil { // it was accepted, or this one would not be superseded
			theirs = api.Invitation{ID: w.inv.MergedWith, State: api.Accepted}
		}
		w.merged = &theirs
	}
	return *w.merged
}

// withdraw cancels the invitation after a signal.
func (w *watch) withdraw(ctx context.Context) error {
	trying, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTime)
	defer cancel()
	err := persist(trying, func() error {
		_, err := w.client.Cancel(trying, w.inv.ID, "")
		return err
	})
	var p *api.Problem
	switch {
	case err == nil:
		w.stages.end()
		w.note("canceled")
	case errors.As(err, &p) && p.Code == api.CodeAlreadyEnd:
		return err
	default:
		w.stages.end()
		w.note("the cancel was not taken (%v); try again: beckon cancel %s", err, clean(w.inv.ID))
	}
	return ctx.Err()
}

// tell says how the invitation ended.
func (w *watch) tell(ctx context.Context) error {
	w.stages.end()
	inv, counts := w.inv, w.outcome(ctx)
	if w.json {
		return outcome{counts}
	}
	took := ""
	if !inv.SentAt.IsZero() && inv.Error != api.NotLoggedIn {
		took = " after " + span(inv.EndedAt.Sub(inv.SentAt.Time))
	}
	if inv.Path != "" {
		took += ", path " + clean(inv.Path)
	}
	colour := red
	if inv.State == api.AcceptedByRemote || counts.ID != inv.ID {
		colour = green
	}
	words, advice := endWords(inv)
	response := inv.Response
	if counts.ID != inv.ID {
		words, advice, response = "accepted: they called too, and the two calls are one", "", counts.Content
	}
	fmt.Fprintf(w.stdout, "%s%s\n", w.paint(colour, clean(words)), took)
	w.payload("response", response)
	if advice != "" {
		fmt.Fprintf(w.stderr, "beckon: hint: %s\n", clean(advice))
	}
	if inv.State == api.Failure {
		fmt.Fprintf(w.stderr, "beckon: hint: beckon explain %s says why\n", clean(inv.ID))
	}
	return outcome{counts}
}

// endWords says for people how a local invitation ended and what they can do.
func endWords(inv api.Invitation) (words, advice string) {
	switch inv.State {
	case api.AcceptedByRemote:
		return "accepted", ""
	case api.RefusedByRemote:
		return "refused (" + inv.Reason + ")", ""
	case api.Canceled:
		return outcomeText(inv), ""
	}
	switch inv.Error {
	case api.PeerOffline:
		advice = "the peer was not reached; beckon find " + inv.CalleeID + " shows what is known of it"
	case api.PeerNoResponse:
		advice = "the peer's daemon is there, but no app of it took the invitation (" + inv.App + ")"
	case api.InvitationExpire:
		advice = "it rang, and nobody answered in time"
	case api.NotLoggedIn:
		advice = "log in first: beckon online"
	}
	return outcomeText(inv), advice
}
