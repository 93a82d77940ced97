package main

import (
	"github.com/urfave/cli/v2"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

func (p *program) eventsCommand() *cli.Command {
	return &cli.Command{
		Name:  "events",
		Usage: "print the events as they happen, one JSON object a line, until a signal",
		Description: `It only observes: nothing rings because of it. Each line has a cursor; --after
resumes strictly after it, across restarts of the daemon too.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "app", Usage: "only events of `APP`, and of the node"},
			&cli.StringFlag{Name: "after", Usage: "begin strictly after `CURSOR` instead of now"},
		},
		Action: p.events,
	}
}

func (p *program) events(c *cli.Context) error {
	o := client.EventOptions{Observe: true, After: c.String("after"), FailFast: true}
	if app := c.String("app"); app != "" {
		o.Apps = []string{app}
	}
	first := true
	for ev, err := range p.client.Events(c.Context, o) {
		switch {
		case err != nil:
			return err
		case ev.Hello == nil:
			p.event(ev)
		case first:
			first = false
			p.note("events after %s", clean(ev.Cursor))
		case !ev.Resumed:
			p.note("the daemon has forgotten the cursor: events were missed; they go on after %s", clean(ev.Cursor))
		}
	}
	return nil // a signal is how it ends
}

// event prints one event as JSON.
func (p *program) event(ev client.Event) {
	printJSON(p.stdout, struct {
		api.Event
		Cursor string `json:"cursor,omitempty"`
	}{ev.Event, ev.Cursor})
}
