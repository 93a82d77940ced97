package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/beckon-p2p/beckon/api"
)

func (p *program) findCommand() *cli.Command {
	return &cli.Command{
		Name:      "find",
		Usage:     "look a peer up and show how it can be reached",
		ArgsUsage: "WHO",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "timeout", Usage: "give up after `DURATION` (default 10s)"},
		},
		Action: p.find,
	}
}

func (p *program) find(c *cli.Context) error {
	id, addresses, err := parseWho(c.Args().First())
	if err != nil {
		return err
	}
	timeout, err := duration("timeout", c.String("timeout"), time.Millisecond, time.Minute)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, max(timeout, 10*time.Second)+quickly)
	defer cancel()
	var peer api.Peer
	err = p.during("looking for "+shortPeer(id)+" (connections, cache, LAN, DHT)", func() (err error) {
		peer, err = p.client.FindPeer(ctx, id, timeout, addresses...)
		return err
	})
	if err != nil {
		return err
	}
	if p.json {
		printJSON(p.stdout, peer)
		return nil
	}
	p.facts(
		"peer", peer.PeerID,
		"connectedness", peer.Connectedness,
		"path", peer.Path,
		"source", fmt.Sprintf("%s, in %s", peer.Source, span(time.Duration(peer.TookMS)*time.Millisecond)),
		"agent", peer.Agent,
	)
	for i, line := range stageLines(peer.Stages) {
		name := ""
		if i == 0 {
			name = "stages"
		}
		fmt.Fprintf(p.stdout, "%-13s  %s\n", name, clean(line))
	}
	for i, a := range peer.Addresses {
		name := ""
		if i == 0 {
			name = "addresses"
		}
		fmt.Fprintf(p.stdout, "%-13s  %s\n", name, clean(a))
	}
	return nil
}

// stageLines tells a lookup, a line for each step that somebody took. Who was
// asked and has not answered by the end has a line, too.
func stageLines(stages []api.Stage) (lines []string) {
	for _, s := range stages {
		said := ""
		switch s.Event {
		case api.StageAsked:
			continue // all at once, at the beginning
		case api.StageAnswered:
			said = "knows no address"
			if s.Addresses > 0 {
				said = fmt.Sprintf("%d new addresses", s.Addresses)
			}
		case api.StageFailed:
			said = "failed"
		case api.StageGaveUp:
			said = "was still being asked"
		case api.StageConnected:
			said = "an address of it connected"
			if s.Source == "connected" {
				said = "a connection stood already"
			}
		default:
			said = s.Event
		}
		lines = append(lines, fmt.Sprintf("%8s  %-9s  %s", span(time.Duration(s.TookMS)*time.Millisecond), s.Source, said))
	}
	return lines
}

// during shows on a terminal what is being waited for and for how long, once
// that takes more than a moment.
func (p *program) during(what string, do func() error) error {
	if p.json || !isTerminal(p.stderr) {
		return do()
	}
	done := make(chan error, 1)
	go func() { done <- do() }()
	start := time.Now()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			fmt.Fprint(p.stderr, eraseLine)
			return err
		case <-tick.C:
			fmt.Fprintf(p.stderr, "%s%s%s", eraseLine, what, strings.Repeat(".", 1+int(time.Since(start).Seconds())%3))
		}
	}
}

// eraseLine empties the terminal's line and goes to its beginning.
const eraseLine = "\r\x1b[K"
