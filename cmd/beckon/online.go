package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

func (p *program) onlineCommand() *cli.Command {
	return &cli.Command{
		Name:        "online",
		Usage:       "log in: join the network, and stay so across restarts",
		Description: "It returns at once; beckon status tells when the network is joined.",
		Action:      func(c *cli.Context) error { return p.setOnline(c, true) },
	}
}

func (p *program) offlineCommand() *cli.Command {
	return &cli.Command{
		Name:        "offline",
		Usage:       "log out: leave the network, without ending the daemon",
		Description: "Live invitations end. beckon online logs in again.",
		Action:      func(c *cli.Context) error { return p.setOnline(c, false) },
	}
}

func (p *program) setOnline(c *cli.Context, online bool) error {
	ctx, cancel := quick(c.Context)
	defer cancel()
	node, err := p.client.SetOnline(ctx, online)
	if err != nil {
		return err
	}
	if p.json {
		printJSON(p.stdout, node)
		return nil
	}
	wish := "logged out"
	if node.Online {
		wish = "logged in"
	}
	fmt.Fprintf(p.stdout, "%s (%s)\n", wish, clean(node.State))
	return nil
}
