// Package program is what the programs in scripts that try the daemons for long
// have in common: their flags, signals, exit codes, a directory of their own and
// a verdict. It must not know what they try.
package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// Program is one of them.
type Program struct {
	Name  string
	Usage string // what follows its name on a command line, and what it means
	// Flags declares what it takes beside --bin and --clear.
	Flags func(*flag.FlagSet)
	// Check looks at the flags once they are read; nil: nothing to look at.
	Check func() error
	// Run does the work. It returns how long that may take at most.
	Most func() time.Duration
	Run  func(context.Context, Place) error
}

// Place is where a program works.
type Place struct {
	Beckond string // the built daemon
	Dir     string // its own, with a short path; goes away with it
	Out     io.Writer
	Log     io.Writer // progress
}

// Say writes a line of progress.
func (p Place) Say(format string, args ...any) { fmt.Fprintf(p.Log, format+"\n", args...) }

// ErrViolated is what Run returns when the report says that something did not
// hold.
var ErrViolated = errors.New("the report names what did not hold")

var errUsage = errors.New("usage")

// Main runs the program with the arguments of the process and returns the exit
// code: 0 if all holds, 1 if not or if it cannot be tried, 2 for wrong usage, 130
// after a signal.
func (p Program) Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := p.run(ctx, args)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		fmt.Println("usage: scripts/" + p.Name + " " + p.Usage)
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err)
		fmt.Fprintln(os.Stderr, "usage: scripts/"+p.Name+" "+p.Usage)
		return 2
	case ctx.Err() != nil:
		fmt.Fprintf(os.Stderr, "%s: interrupted; everything is cleared away\n", p.Name)
		return 130
	}
	fmt.Fprintf(os.Stderr, "%s: %v\n", p.Name, err)
	return 1
}

func (p Program) run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are told with the usage
	bin := flags.String("bin", "", "")
	clear := flags.String("clear", "", "")
	p.Flags(flags)
	err = flags.Parse(args)
	if *clear != "" {
		defer func() { err = errors.Join(err, os.RemoveAll(*clear)) }()
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return fmt.Errorf("%w: %v", errUsage, err)
	case flags.NArg() > 0:
		return fmt.Errorf("%w: %q is not expected", errUsage, flags.Arg(0))
	case *bin == "":
		return fmt.Errorf("%w: --bin is missing; scripts/%s gives it", errUsage, p.Name)
	}
	if p.Check != nil {
		if err := p.Check(); err != nil {
			return fmt.Errorf("%w: %v", errUsage, err)
		}
	}
	dir, err := os.MkdirTemp("", "bk") // sockets need short paths
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	beckond, err := filepath.Abs(filepath.Join(*bin, "beckond"))
	if err != nil {
		return err
	}
	most := p.Most()
	ctx, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("not done in %v", most))
	defer cancel()
	err = p.Run(ctx, Place{Beckond: beckond, Dir: dir, Out: os.Stdout, Log: os.Stderr})
	if err != nil && ctx.Err() != nil && !errors.Is(err, ErrViolated) {
		return fmt.Errorf("%w (%v)", context.Cause(ctx), err)
	}
	return err
}

// Sleep waits that long, or until ctx is done; then it reports false.
func Sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
