package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/beckon-p2p/beckon/api"
)

func (p *program) refuseCommand() *cli.Command {
	return &cli.Command{
		Name:        "refuse",
		Usage:       "refuse an invitation",
		ArgsUsage:   "ID",
		Description: "A unique beginning of the id is enough.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "reason", Usage: "`REASON` is declined (the default), busy, do_not_disturb, not_allowed or unsupported"},
			&cli.StringFlag{Name: "response", Usage: "give the caller's app `TEXT`, at most 16 KiB"},
		},
		Action: p.refuse,
	}
}

func (p *program) refuse(c *cli.Context) error {
	inv, err := p.act(c, func(ctx context.Context, id string) (api.Invitation, error) {
		return p.client.Refuse(ctx, id, c.String("reason"), c.String("response"))
	})
	if err != nil {
		return err
	}
	p.verdict(inv)
	return nil
}
