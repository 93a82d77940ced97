package main

import (
	"crypto/rand"

	"github.com/urfave/cli/v2"

	"github.com/beckon-p2p/beckon/api"
)

func (p *program) acceptCommand() *cli.Command {
	return &cli.Command{
		Name:      "accept",
		Usage:     "accept an invitation, and wait until the caller has confirmed it",
		ArgsUsage: "ID",
		Description: `A unique beginning of the id is enough. The caller decides: it may have canceled
in the same moment. The exit code is that of the outcome; 0 is accepted.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "response", Usage: "give the caller's app `TEXT`, at most 16 KiB"},
			&cli.BoolFlag{Name: "no-wait", Usage: "do not wait for the caller's word", DisableDefaultText: true},
		},
		Action: p.accept,
	}
}

func (p *program) accept(c *cli.Context) error {
	if err := checkPayload("the response", c.String("response")); err != nil {
		return err
	}
	id, err := p.findInvitation(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	ctx, cancel := quick(c.Context)
	defer cancel()
	inv, err := p.client.AcceptOnce(ctx, rand.Text(), id, c.String("response"))
	if err != nil {
		return err
	}
	if c.Bool("no-wait") {
		p.verdict(inv)
		return nil
	}
	if !inv.Ended() {
		// The bid outlives a daemon that is started again.
		err = persist(c.Context, func() (err error) {
			inv, err = p.client.Wait(c.Context, id)
			return err
		})
		if err != nil {
			return err
		}
	}
	p.verdict(inv)
	return outcome{inv}
}

// verdict prints what has become of an invitation.
func (p *program) verdict(inv api.Invitation) {
	if p.json {
		printJSON(p.stdout, inv)
		return
	}
	p.rows([][]string{{outcomeText(inv), inv.ID}})
}
