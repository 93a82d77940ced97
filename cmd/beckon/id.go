package main

import (
	"fmt"

	"github.com/mdp/qrterminal/v3"
	"github.com/urfave/cli/v2"
)

func (p *program) idCommand() *cli.Command {
	return &cli.Command{
		Name:  "id",
		Usage: "print this peer's ID and its invite link",
		Description: `The first line is the peer ID, the second the invite link, which also carries
addresses. Others may give either to beckon invite.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "qr", Usage: "draw the invite link as a QR code as well", DisableDefaultText: true},
		},
		Action: p.id,
	}
}

func (p *program) id(c *cli.Context) error {
	ctx, cancel := quick(c.Context)
	defer cancel()
	node, err := p.client.Node(ctx)
	if err != nil {
		return err
	}
	link := inviteLink(node)
	if p.json {
		printJSON(p.stdout, struct {
			PeerID     string   `json:"peer_id"`
			InviteLink string   `json:"invite_link"`
			Addresses  []string `json:"addresses"`
		}{node.PeerID, link, append([]string{}, node.Addresses...)})
		return nil
	}
	fmt.Fprintf(p.stdout, "%s\n%s\n", clean(node.PeerID), clean(link))
	if c.Bool("qr") {
		qrterminal.GenerateHalfBlock(link, qrterminal.L, p.stdout)
	}
	return nil
}
