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

// demoTime bounds the whole demonstration; it takes a quarter of it.
const demoTime = 30 * time.Second

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the whole program. It returns the exit code: 0 if every invitation
// ended as it should, 130 if a signal came.
func run(args []string, stdout *os.File, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	beckond := flags.String("beckond", "", "the built daemon; required")
	clear := flags.String("clear", "", "a directory to remove at the end")
	if flags.Parse(args) != nil || *beckond == "" || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "demo: run scripts/demo, which takes no arguments")
		return 2
	}
	err := perform(ctx, *beckond, newPaper(stdout))
	if *clear != "" {
		err = errors.Join(err, os.RemoveAll(*clear))
	}
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "\ndemo: interrupted; everything is cleared away")
		return 130
	}
	fmt.Fprintln(stderr, "\ndemo: error:", err)
	return 1
}

// perform plays all scenes, in a directory of its own.
func perform(ctx context.Context, beckond string, p *paper) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, demoTime, fmt.Errorf("the demonstration took longer than %v", demoTime))
	defer cancel()
	dir, err := os.MkdirTemp("", "beckon-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	beckond, err = filepath.Abs(beckond)
	if err != nil {
		return err
	}
	s, err := openStage(ctx, beckond, dir)
	if err != nil {
		return err
	}
	defer s.close()
	p.cast(s)
	var failed []error
	for _, sc := range scenes {
		if err := s.play(ctx, sc, p); err != nil {
			if ctx.Err() != nil || s.broken(ctx) != nil {
				return errors.Join(context.Cause(ctx), s.broken(ctx))
			}
			failed = append(failed, fmt.Errorf("%s: %w", sc.title, err))
		}
	}
	if len(failed) == 0 {
		p.line("All %d ended as they should.", len(scenes))
	}
	return errors.Join(failed...)
}
