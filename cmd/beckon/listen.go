package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

func (p *program) listenCommand() *cli.Command {
	return &cli.Command{
		Name:  "listen",
		Usage: "wait to be rung, and answer, until a signal",
		Description: `On a terminal it asks whether to accept; elsewhere it only prints, unless
--accept, --refuse or --exec says what to do.

--exec runs sh -c CMD once a ring, with the event as JSON on its standard input
and BECKON_ID, BECKON_APP, BECKON_CALLER_ID, BECKON_CHANNEL_ID and
BECKON_SOCKET in its environment. Exit code 0 accepts with its standard output
as the response, 1 refuses, 2 refuses as busy, anything else leaves it ringing.
It gets SIGTERM when the ring is over.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "app", Usage: "wait for invitations of `APP` (default call)"},
			&cli.BoolFlag{Name: "accept", Usage: "accept every invitation", DisableDefaultText: true},
			&cli.BoolFlag{Name: "refuse", Usage: "refuse every invitation", DisableDefaultText: true},
			&cli.StringFlag{Name: "response", Usage: "answer with `TEXT`, at most 16 KiB"},
			&cli.StringFlag{Name: "exec", Usage: "let `CMD` decide"},
		},
		Action: p.listen,
	}
}

func (p *program) listen(c *cli.Context) error {
	l := &listener{
		program:  p,
		app:      cmp.Or(c.String("app"), api.DefaultApp),
		response: c.String("response"),
		command:  c.String("exec"),
		rings:    map[string]*ring{},
		notes:    make(chan string),
	}
	l.accept, l.refuse, l.exec = c.Bool("accept"), c.Bool("refuse"), c.IsSet("exec")
	switch {
	case l.accept && l.refuse, l.accept && l.exec, l.refuse && l.exec:
		return usagef("leave all but one out", "--accept, --refuse and --exec do not go together")
	case l.exec && l.command == "":
		return usagef("write it like --exec 'my-program --flag'", "--exec needs a command")
	case l.exec && l.response != "":
		return usagef("let the command print the response", "--exec and --response do not go together")
	}
	if err := checkPayload("the response", l.response); err != nil {
		return err
	}
	l.ask = !l.accept && !l.refuse && !l.exec && !p.json && isTerminal(p.stdin) && isTerminal(p.stderr)
	return l.run(c.Context)
}

// listener waits for invitations of one app and answers them.
type listener struct {
	*program
	app, response, command    string
	accept, refuse, exec, ask bool

	ctx   context.Context // until the signal, or the end of the feed
	rings map[string]*ring
	asker asker
	notes chan string // what the goroutines of answers have to tell people
	wg    sync.WaitGroup
}

// ring is an invitation that rings here; over is closed when it does no more.
type ring struct {
	event client.Event
	over  chan struct{}
}

func (r *ring) end() {
	select {
	case <-r.over:
	default:
		close(r.over)
	}
}

func (l *listener) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	l.ctx = ctx
	f := l.subscribe(ctx, client.EventOptions{Apps: []string{l.app}, FailFast: true})
	defer f.stop()
	defer l.finish()
	defer cancel()
	if l.ask {
		l.asker.read(l.stdin)
	}
	for first := true; ; {
		select {
		case ev, ok := <-f.events:
			if !ok {
				return f.err // nil after a signal
			}
			if ev.Hello != nil {
				if first {
					l.note("listening for %s; Ctrl-C ends it", clean(l.app))
				}
				first = false
				l.present(ev)
				break
			}
			l.hear(ev)
		case line, ok := <-l.asker.lines:
			l.answered(line, ok)
		case text := <-l.notes:
			l.note("%s", text)
		}
	}
}

// finish ends what still runs for a ring and waits for it.
func (l *listener) finish() {
	for _, r := range l.rings {
		r.end()
	}
	done := make(chan struct{})
	go func() {
		l.wg.Wait()
		close(done)
	}()
	for {
		select {
		case text := <-l.notes:
			l.note("%s", text)
		case <-done:
			return
		}
	}
}

// present rings for what is live, and ends what is not, if the events in
// between were lost.
func (l *listener) present(hello client.Event) {
	live := map[string]bool{}
	oldestFirst := func(a, b api.Invitation) int { return a.CreatedAt.Compare(b.CreatedAt.Time) }
	for _, inv := range slices.SortedStableFunc(slices.Values(hello.Hello.Live), oldestFirst) {
		if inv.Kind != api.KindRemote {
			continue
		}
		live[inv.ID] = true
		if inv.State == api.InvitationReceived && l.rings[inv.ID] == nil {
			l.begin(client.Event{Event: api.Event{
				Time: inv.ReceivedAt, Type: api.RemoteInvitationReceived, App: inv.App, Invitation: &inv,
			}, Cursor: hello.Cursor})
		}
	}
	if hello.Resumed {
		return
	}
	for id, r := range l.rings {
		if !live[id] {
			r.end()
			delete(l.rings, id)
			l.unask(id)
		}
	}
	l.eraseQuestion()
	l.question()
}

func (l *listener) hear(ev client.Event) {
	inv := ev.Invitation
	if inv == nil || inv.Kind != api.KindRemote {
		return
	}
	r := l.rings[inv.ID]
	if ev.Type == api.RemoteInvitationReceived {
		if r == nil && !ev.Over {
			l.begin(ev)
		}
		return
	}
	if r != nil {
		r.end() // answered here or elsewhere, or over
	}
	if inv.Ended() {
		delete(l.rings, inv.ID)
	}
	l.unask(inv.ID)
	l.show(ev)
}

// begin tells of a ring and has it answered.
func (l *listener) begin(ev client.Event) {
	r := &ring{event: ev, over: make(chan struct{})}
	id := ev.Invitation.ID
	l.rings[id] = r
	l.show(ev)
	switch {
	case l.accept:
		l.wg.Go(func() { l.answer(id, answer{accept: true, response: l.response}) })
	case l.refuse:
		l.wg.Go(func() { l.answer(id, answer{response: l.response}) })
	case l.exec:
		l.wg.Go(func() { l.runHook(r) })
	case l.ask:
		l.askFor(*ev.Invitation)
	}
}

// answer is what is to be said to a ring.
type answer struct {
	accept           bool
	reason, response string
}

// answer says it to the daemon, again while that is away.
func (l *listener) answer(id string, a answer) {
	key := rand.Text()
	err := persist(l.ctx, func() (err error) {
		ctx, cancel := quick(l.ctx)
		defer cancel()
		if a.accept {
			_, err = l.client.AcceptOnce(ctx, key, id, a.response)
		} else {
			_, err = l.client.RefuseOnce(ctx, key, id, a.reason, a.response)
		}
		return err
	})
	switch {
	case err == nil || l.ctx.Err() != nil:
	case errors.Is(err, &api.Problem{Code: api.CodeAlreadyEnd}), errors.Is(err, &api.Problem{Code: api.CodeAlreadyAccept}):
		l.tell("%s was over before the answer", id)
	default:
		l.tell("%s was not answered: %s", id, clean(err.Error()))
	}
}

// tell hands the loop something to note.
func (l *listener) tell(format string, args ...any) { l.notes <- fmt.Sprintf(format, args...) }

// show prints an event of a remote invitation.
func (l *listener) show(ev client.Event) {
	if l.json {
		l.event(ev)
		return
	}
	l.eraseQuestion()
	inv := ev.Invitation
	switch {
	case ev.Type == api.RemoteInvitationReceived:
		text := l.paint(green, "ringing") + "  " + clean(inv.ID) + "  from " + clean(inv.CallerID)
		if inv.ChannelID != "" {
			text += "  channel " + clean(inv.ChannelID)
		}
		fmt.Fprintln(l.stdout, text)
		if inv.Content != "" {
			fmt.Fprintf(l.stdout, "  content: %s\n", excerpt(inv.Content, 200))
		}
	case ev.Type == api.RemoteInvitationMissed:
		fmt.Fprintln(l.stdout, missedText(*inv))
	default:
		fmt.Fprintf(l.stdout, "%s  %s\n", clean(outcomeText(*inv)), clean(inv.ID))
	}
	l.question()
}
