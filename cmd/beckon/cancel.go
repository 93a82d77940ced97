package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/beckon-p2p/beckon/api"
)

func (p *program) cancelCommand() *cli.Command {
	return &cli.Command{
		Name:        "cancel",
		Usage:       "withdraw an invitation that was sent from here",
		ArgsUsage:   "ID",
		Description: "A unique beginning of the id is enough.",
		Action:      p.cancel,
	}
}

func (p *program) cancel(c *cli.Context) error {
	inv, err := p.act(c, func(ctx context.Context, id string) (api.Invitation, error) {
		return p.client.Cancel(ctx, id, "")
	})
	if err != nil {
		return err
	}
	p.verdict(inv)
	return nil
}
