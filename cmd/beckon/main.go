package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/beckon-p2p/beckon/api/client"
)

func main() { os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr)) }

// program is one run of the command line.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	json           bool
	client         *client.Client // nil until the flags are read
}

// run does what args say and returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal is not caught: it ends a program that hangs.
	defer context.AfterFunc(ctx, stop)()

	p := &program{stdin: stdin, stdout: stdout, stderr: stderr}
	app := p.app()
	arranged, err := arrange(app, args)
	if err != nil {
		p.json = wantsJSON(args)
		return p.exit(ctx, err)
	}
	err = app.RunContext(ctx, arranged)
	if p.client != nil {
		p.client.Close()
	}
	return p.exit(ctx, err)
}

// before reads the flags that stand for all commands.
func (p *program) before(c *cli.Context) error {
	p.json = c.Bool("json")
	p.client = client.New(c.String("socket"))
	return nil
}

// interrupted reports whether err is a signal's doing.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled)
}
