package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/beckon-p2p/beckon/api"
)

func (p *program) showCommand() *cli.Command {
	return &cli.Command{
		Name:        "show",
		Usage:       "show everything about one invitation",
		ArgsUsage:   "ID",
		Description: "A unique beginning of the id is enough.",
		Action:      p.show,
	}
}

func (p *program) show(c *cli.Context) error {
	id, err := p.findInvitation(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	ctx, cancel := quick(c.Context)
	defer cancel()
	inv, err := p.client.Get(ctx, id)
	if err != nil {
		return err
	}
	p.invitation(inv)
	return nil
}

// invitation prints all that is known of an invitation.
func (p *program) invitation(inv api.Invitation) {
	if p.json {
		printJSON(p.stdout, inv)
		return
	}
	left := ""
	if inv.LeftMS != nil {
		left = span(time.Duration(*inv.LeftMS) * time.Millisecond)
	}
	p.facts(
		"id", inv.ID,
		"kind", inv.Kind,
		"state", outcomeText(inv),
		"progress", inv.Progress,
		"time left", left,
		"app", inv.App,
		"channel", inv.ChannelID,
		"caller", inv.CallerID,
		"callee", inv.CalleeID,
		"path", inv.Path,
		"glare with", inv.GlareWith,
		"merged with", inv.MergedWith,
		"created", when(inv.CreatedAt),
		"sent", when(inv.SentAt),
		"received", when(inv.ReceivedAt),
		"answered", when(inv.AnsweredAt),
		"ended", when(inv.EndedAt),
	)
	if m := inv.Missed; m != nil {
		p.facts("times", fmt.Sprint(m.Count), "first", when(m.FirstAt), "last", when(m.LastAt), "why", m.Why)
	}
	p.payload("content", inv.Content)
	p.payload("response", inv.Response)
}

// payload prints text from a peer, line by line.
func (p *program) payload(name, text string) {
	if text != "" {
		fmt.Fprintf(p.stdout, "%s:\n%s\n", name, cleanLines(text, "  "))
	}
}
