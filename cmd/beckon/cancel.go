package main

import (
	"github.com/urfave/cli/v2"
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
	id, err := p.findInvitation(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	ctx, cancel := quick(c.Context)
	defer cancel()
	inv, err := p.client.Cancel(ctx, id, "")
	if err != nil {
		return err
	}
	p.verdict(inv)
	return nil
}
