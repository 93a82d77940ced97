package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

func (p *program) doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "look at everything that lets this peer ring and be rung, and say what to do",
		Description: "One line a check: ok; warn, it works, but not as well as it could; fail, others cannot\n" +
			"ring this peer, or it is about to break. Takes a few seconds: other peers are asked.\n\n" +
			"Exit codes: 0 nothing failed, 1 something did, 3 the daemon cannot be reached.",
		Action: p.doctor,
	}
}

func (p *program) doctor(c *cli.Context) error {
	checks := []api.Check{socketCheck(p.client.Socket())}
	ctx, cancel := quick(c.Context)
	defer cancel()
	var seen api.Doctor
	node, err := p.client.Node(ctx)
	if err == nil {
		err = p.during("asking the daemon and its peers", func() (err error) {
			seen, err = p.client.Doctor(ctx)
			return err
		})
	}
	if interrupted(c.Context, err) {
		return err
	}
	checks = slices.Insert(checks, 0, daemonCheck(node, err))
	p.printDoctor(append(checks, seen.Checks...))
	switch {
	case err != nil:
		return err
	case worst(append(checks, seen.Checks...)) == api.CheckFail:
		return told(exitFailure)
	}
	return nil
}

func (p *program) printDoctor(checks []api.Check) {
	if p.json {
		printJSON(p.stdout, api.Doctor{Outcome: worst(checks), Checks: checks})
		return
	}
	colours := map[string]string{api.CheckOK: green, api.CheckWarn: yellow, api.CheckFail: red}
	width, count := 0, map[string]int{}
	for _, c := range checks {
		width = max(width, len(c.Name))
		count[c.Outcome]++
	}
	for _, c := range checks {
		fmt.Fprintf(p.stdout, "%s  %-*s  %s\n", p.paint(colours[c.Outcome], fmt.Sprintf("%-4s", clean(c.Outcome))), width, clean(c.Name), clean(c.Found))
		if c.Advice != "" {
			fmt.Fprintf(p.stdout, "%*s  what to do: %s\n", width+6, "", clean(c.Advice))
		}
	}
	fmt.Fprintf(p.stdout, "\n%d ok, %d warn, %d fail\n", count[api.CheckOK], count[api.CheckWarn], count[api.CheckFail])
}

func worst(checks []api.Check) string {
	for _, o := range []string{api.CheckFail, api.CheckWarn} {
		if slices.ContainsFunc(checks, func(c api.Check) bool { return c.Outcome == o }) {
			return o
		}
	}
	return api.CheckOK
}

// daemonCheck judges whether the daemon answers; err is why it does not.
func daemonCheck(node api.Node, err error) api.Check {
	c := api.Check{Name: "daemon", Outcome: api.CheckOK, Found: "beckond " + node.Version + " answers"}
	var gone *client.NotRunningError
	switch {
	case errors.As(err, &gone):
		c.Outcome, c.Found, c.Advice = api.CheckFail, gone.Error(), gone.Hint()
	case errors.Is(err, context.DeadlineExceeded):
		c.Outcome, c.Found, c.Advice = api.CheckFail, "beckond took too long to answer", "look at what it logs, or start it again"
	case err != nil:
		c.Outcome, c.Found, c.Advice = api.CheckFail, err.Error(), "if this beckond is older than beckon "+version()+", start the new one"
	case node.Version != version():
		c.Outcome, c.Advice = api.CheckWarn, "use beckon and beckond of one version; after an update start beckond again"
		c.Found += ", this is beckon " + version()
	}
	return c
}

// socketCheck judges the socket as it lies on the disk.
func socketCheck(path string) api.Check {
	c := api.Check{Name: "socket", Outcome: api.CheckFail}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.Found, c.Advice = "there is no socket at "+path, "start the daemon with: beckond (or say where it listens with --socket or BECKON_SOCKET)"
	case err != nil:
		c.Found, c.Advice = err.Error(), "run beckon as the user who runs beckond, or give your own socket with --socket"
	case info.Mode().Type() != fs.ModeSocket:
		c.Found, c.Advice = path+" is not a socket", "move it away, or give another path with --socket to beckon and beckond"
	case !owns(info):
		c.Found, c.Advice = path+" belongs to another user, whom alone it serves", "run beckon as that user, or your own beckond with a --socket of its own"
	case info.Mode().Perm()&0o077 != 0:
		c.Outcome = api.CheckWarn
		c.Found = fmt.Sprintf("%s is open to other users (mode %04o); beckond turns them away all the same", path, info.Mode().Perm())
		c.Advice = "run: chmod 600 " + path
	default:
		c.Outcome, c.Found = api.CheckOK, path+" is this user's alone"
	}
	return c
}
