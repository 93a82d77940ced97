package main

import (
	"github.com/urfave/cli/v2"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

func (p *program) lsCommand() *cli.Command {
	return &cli.Command{
		Name:  "ls",
		Usage: "list invitations, newest first",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "live", Usage: "only those that have not ended", DisableDefaultText: true},
			&cli.BoolFlag{Name: "missed", Usage: "only those that came and never rang", DisableDefaultText: true},
			&cli.IntFlag{Name: "n", Value: api.DefaultLimit, Usage: "at most `N`"},
		},
		Action: p.ls,
	}
}

func (p *program) ls(c *cli.Context) error {
	o := client.ListOptions{}
	n := c.Int("n")
	switch {
	case n < 1:
		return usagef("write it like -n 20", "-n must be at least 1")
	case c.Bool("live") && c.Bool("missed"):
		return usagef("leave one out", "what was missed is not live: --live and --missed do not go together")
	case c.Bool("live"):
		o.State = "live"
	case c.Bool("missed"):
		o.State = api.Missed
	}
	o.Limit = min(n, api.MaxLimit)
	ctx, cancel := quick(c.Context)
	defer cancel()
	var list []api.Invitation
	for inv, err := range p.client.All(ctx, o) {
		if err != nil {
			return err
		}
		if o.State == api.Missed && inv.MergedWith != "" {
			continue // its caller was reached: both called, and the calls became one
		}
		if list = append(list, inv); len(list) == n {
			break
		}
	}
	if p.json {
		for _, inv := range list {
			printJSON(p.stdout, inv)
		}
		return nil
	}
	if len(list) == 0 {
		p.note("no such invitations")
		return nil
	}
	if c.Bool("missed") {
		p.missedTable(list)
	} else {
		p.table(list)
	}
	return nil
}

// table prints invitations, one a line.
func (p *program) table(list []api.Invitation) {
	rows := [][]string{{"ID", "CREATED", "WITH", "APP", "CHANNEL", "STATE"}}
	for _, inv := range list {
		with := "to " + shortPeer(inv.CalleeID)
		if inv.Kind == api.KindRemote {
			with = "from " + shortPeer(inv.CallerID)
		}
		rows = append(rows, []string{inv.ID, when(inv.CreatedAt), with, inv.App, orDash(inv.ChannelID), outcomeText(inv)})
	}
	p.rows(rows)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
