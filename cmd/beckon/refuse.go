package main

import (
	"github.com/urfave/cli/v2"
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
	if err := checkPayload("the response", c.String("response")); err != nil {
		return err
	}
	id, err := p.findInvitation(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	ctx, cancel := quick(c.Context)
	defer cancel()
	inv, err := p.client.Refuse(ctx, id, c.String("reason"), c.String("response"))
	if err != nil {
		return err
	}
	p.verdict(inv)
	return nil
}
