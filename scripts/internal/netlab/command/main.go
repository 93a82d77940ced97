//go:build linux

// Command netlab runs built daemons in a laboratory and prints how they find and
// ring each other. scripts/netlab builds and runs it.
//
// The package must not know how the laboratory is made.
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
	"strings"
	"syscall"
	"time"

	"github.com/beckon-p2p/beckon/scripts/internal/netlab"
	"github.com/beckon-p2p/beckon/scripts/netns"
)

func main() {
	if err := netns.Alone(); err != nil {
		fmt.Fprintln(os.Stderr, "netlab: no laboratory here:", err)
		os.Exit(1)
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

const usage = `usage: scripts/netlab grid [--pairs A,B]... [--rounds N] [--cached]
       scripts/netlab run SCENARIO... | all
       scripts/netlab list
       scripts/netlab shell [KIND]
flags: --bin DIR     use the beckond in DIR, not the one of this tree
       --servers N   public servers of the grid (6)
       --settle D    how long a peer may take to be reachable (20s)
       --at-once N   rounds that run at once (4)
       --slow D      tell the timeline of a ring that took longer, or failed
       --quiet       print results only`

// run is the whole program. Exit codes: 0 as expected, 1 not so or not at all,
// 2 wrong usage, 130 interrupted.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := command(ctx, args, stdout, stderr)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(stderr, usage)
		return 2
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "netlab: interrupted; everything is cleared away")
		return 130
	}
	fmt.Fprintln(stderr, "netlab:", err)
	return 1
}

var errUsage = errors.New("usage")

// settings are the flags.
type settings struct {
	bin, clear string
	pairs      []netlab.Pair
	rounds     int
	cached     bool
	quiet      bool
	servers    int
	atOnce     int
	settle     time.Duration
	slow       time.Duration
	most       time.Duration
}

func command(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	if len(args) == 0 {
		return errUsage
	}
	var s settings
	flags := s.flags(stderr)
	rest, wrong := parse(flags, args[1:])
	if s.clear != "" {
		defer func() { err = errors.Join(err, os.RemoveAll(s.clear)) }()
	}
	if wrong != nil {
		return errUsage
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.most, fmt.Errorf("not done in %v", s.most))
	defer cancel()
	cfg := netlab.Config{Beckond: filepath.Join(s.bin, "beckond"), Servers: s.servers, Settle: s.settle, Slow: s.slow}
	if !s.quiet {
		start := time.Now()
		cfg.Say = func(format string, args ...any) {
			fmt.Fprintf(stderr, "%6.1fs  %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, args...))
		}
	}
	switch {
	case args[0] == "grid" && len(rest) == 0:
		return s.grid(ctx, cfg, stdout)
	case args[0] == "run" && len(rest) > 0:
		return netlab.RunScenarios(ctx, cfg, stdout, rest)
	case args[0] == "list" && len(rest) == 0:
		for _, sc := range netlab.Scenarios {
			fmt.Fprintf(stdout, "%-32s %s\n", sc.Name, sc.About)
		}
		return nil
	case args[0] == "shell" && len(rest) < 2:
		return netlab.Shell(ctx, cfg, netlab.Kind(strings.Join(rest, "")))
	}
	return errUsage
}

func (s *settings) flags(stderr io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("netlab", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {}
	f.StringVar(&s.bin, "bin", ".", "")
	f.StringVar(&s.clear, "clear", "", "")
	f.IntVar(&s.rounds, "rounds", 2, "")
	f.BoolVar(&s.cached, "cached", false, "")
	f.BoolVar(&s.quiet, "quiet", false, "")
	f.IntVar(&s.servers, "servers", 6, "")
	f.IntVar(&s.atOnce, "at-once", 4, "")
	f.DurationVar(&s.settle, "settle", 20*time.Second, "")
	f.DurationVar(&s.slow, "slow", 0, "")
	f.DurationVar(&s.most, "most", time.Hour, "")
	f.Func("pairs", "", func(text string) error {
		p, err := netlab.ParsePair(text)
		s.pairs = append(s.pairs, p)
		return err
	})
	return f
}

// parse lets flags stand after words too.
func parse(f *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		if f.NArg() == 0 {
			return words, nil
		}
		words = append(words, f.Arg(0))
		args = f.Args()[1:]
	}
}

func (s *settings) grid(ctx context.Context, cfg netlab.Config, stdout io.Writer) error {
	if s.rounds < 1 || s.atOnce < 1 || s.servers < 1 {
		return errUsage
	}
	w, err := netlab.Build(ctx, cfg)
	if err != nil {
		return err
	}
	defer w.Close()
	g := netlab.Grid{Pairs: s.pairs, Rounds: s.rounds, Cached: s.cached, AtOnce: s.atOnce, Look: netlab.Look}
	results, err := g.Run(ctx, w)
	if err != nil {
		return context.Cause(ctx)
	}
	odd, err := netlab.Print(stdout, results)
	if err == nil && odd > 0 {
		err = fmt.Errorf("%d of %d rings are not as expected", odd, len(results))
	}
	return err
}
