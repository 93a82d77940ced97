package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/beckon-p2p/beckon/api"
)

const (
	pingEvery = 250 * time.Millisecond
	pingTime  = 30 * time.Second // of the first, which may have to find and dial the peer
)

func (p *program) pingCommand() *cli.Command {
	return &cli.Command{
		Name:      "ping",
		Usage:     "measure round trips to a peer, and show their path",
		ArgsUsage: "WHO",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "n", Value: 4, Usage: "make `N` round trips"},
		},
		Action: p.ping,
	}
}

func (p *program) ping(c *cli.Context) error {
	id, addresses, err := parseWho(c.Args().First())
	if err != nil {
		return err
	}
	if c.Int("n") < 1 {
		return usagef("write it like -n 4", "-n must be at least 1")
	}
	answered, lost := 0, error(nil)
	for i := range c.Int("n") {
		if i > 0 && !wait(c.Context, pingEvery) {
			return c.Context.Err()
		}
		switch pong, err := p.pingOnce(c.Context, id, addresses); {
		case err == nil:
			answered++
			p.pong(i+1, pong)
		case answered == 0 || !errors.Is(err, &api.Problem{Code: api.CodePeerUnreachable}):
			return err
		default:
			lost = err
			p.note("%d: no answer", i+1)
		}
	}
	if lost != nil {
		p.note("%d of %d answered", answered, c.Int("n"))
	}
	return nil
}

func (p *program) pingOnce(ctx context.Context, id string, addresses []string) (pong api.Ping, err error) {
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	err = p.during("reaching "+shortPeer(id), func() (err error) {
		pong, err = p.client.Ping(ctx, id, addresses...)
		return err
	})
	return pong, err
}

func (p *program) pong(number int, pong api.Ping) {
	if p.json {
		printJSON(p.stdout, struct {
			Number int `json:"number"`
			api.Ping
		}{number, pong})
		return
	}
	fmt.Fprintf(p.stdout, "%d: %.3f ms, %s\n", number, pong.RTTMS, clean(pong.Path))
}

// wait reports whether d passed before ctx was done.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
