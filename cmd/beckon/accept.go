package main

import (
	"context"
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
	inv, err := p.act(c, func(ctx context.Context, id string) (api.Invitation, error) {
		return p.client.AcceptOnce(ctx, rand.Text(), id, c.String("response"))
	})
	if err != nil {
		return err
	}
	if c.Bool("no-wait") {
		p.verdict(inv)
		return nil
	}
	if !inv.Ended() {
		// The bid outlives a daemon that is started again.
		err = persist(c.Context, func() error {
			now, err := p.client.Wait(c.Context, inv.ID)
			if err == nil {
				inv = now
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	p.verdict(inv)
	return outcome{inv}
}

// act does a verb on the invitation that the first argument names, or begins
// to name.
func (p *program) act(c *cli.Context, verb func(ctx context.Context, id string) (api.Invitation, error)) (api.Invitation, error) {
	if err := checkPayload("the response", c.String("response")); err != nil {
		return api.Invitation{}, err
	}
	id, err := p.findInvitation(c.Context, c.Args().First())
	if err != nil {
		return api.Invitation{}, err
	}
	ctx, cancel := quick(c.Context)
	defer cancel()
	return verb(ctx, id)
}

// verdict prints what has become of an invitation.
func (p *program) verdict(inv api.Invitation) {
	if p.json {
		printJSON(p.stdout, inv)
		return
	}
	p.rows([][]string{{outcomeText(inv), inv.ID}})
}
