package main

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

// plan is how much is measured.
type plan struct {
	rounds   int
	warm     int           // round trips or rings of one kind in a round
	cold     int           // cold dials or cold rings in a round
	crowd    time.Duration // of each measurement of rings per second
	ids      int           // runs of beckon id in a round
	idle     time.Duration // before the idle memory is read
	still    time.Duration // of the measurement of a daemon with nothing to do
	peers    int           // of the virtual DHT
	searches int           // in it
	stripped bool          // build stripped binaries for their sizes
	most     time.Duration // for everything
}

var (
	fullPlan  = plan{12, 150, 6, 2 * time.Second, 8, 12 * time.Second, time.Minute, 100, 100, true, 15 * time.Minute}
	quickPlan = plan{2, 40, 2, 400 * time.Millisecond, 3, time.Second, 2 * time.Second, 20, 20, false, 2 * time.Minute}
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the whole program. It returns the exit code; a goal that is missed is
// no failure.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case len(args) == 1 && args[0] == roleServer:
		err = rawServer(stdin, stdout)
	case len(args) == 2 && args[0] == roleClient:
		err = rawClient(args[1], stdin, stdout)
	case len(args) > 1 && args[0] == roleNeighbours:
		err = runNeighbours(args[1:], stdin, stdout)
	default:
		err = measure(ctx, args, stdout, stderr)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(stderr, "usage: scripts/bench [--quick] [--rounds N] [--idle DURATION] [--perf FILE]")
		return 2
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "\nbench: interrupted; everything is cleared away")
		return 130
	}
	fmt.Fprintln(stderr, "\nbench: error:", err)
	return 1
}

var errUsage = errors.New("usage")

// measure is the program in its main role.
func measure(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	bin := flags.String("bin", "", "directory of the built beckond and beckon")
	clear := flags.String("clear", "", "a directory to remove at the end")
	quick := flags.Bool("quick", false, "measure little, in less than 20 s")
	rounds := flags.Int("rounds", 0, "measure this often")
	still := flags.Duration("idle", 0, "measure so long what a daemon costs that has nothing to do")
	perf := flags.String("perf", "", "record where the two daemons spend their time while 64 ring at once, for perf report")
	if flags.Parse(args) != nil || flags.NArg() > 0 || *bin == "" {
		return errUsage
	}
	if *clear != "" {
		defer func() { err = errors.Join(err, os.RemoveAll(*clear)) }()
	}
	p := fullPlan
	if *quick {
		p = quickPlan
	}
	if *rounds > 0 {
		p.rounds = *rounds
	}
	if *still > 0 {
		p.most += *still
		p.still = *still
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.most, fmt.Errorf("not done in %v", p.most))
	defer cancel()
	dir, err := os.MkdirTemp("", "beckon-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if *bin, err = filepath.Abs(*bin); err != nil {
		return err
	}
	l := &lab{plan: p, bin: *bin, dir: dir, perf: *perf, progress: stderr, figures: map[string]*figure{}}
	defer l.close()
	if err := l.open(ctx); err != nil {
		return l.explain(ctx, err)
	}
	if err := l.measure(ctx); err != nil {
		return l.explain(ctx, err)
	}
	return l.report(stdout)
}
