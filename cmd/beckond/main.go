package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() { os.Exit(run(os.Args, os.Stdout, os.Stderr)) }

// run is the whole program. It returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	dropEmpty()
	app := newApp(stdout, stderr)
	err := app.Run(args)
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "beckond: error: %s\nbeckond: hint: beckond --help lists the flags\n", oneLine(err))
		return exitUsage
	}
	fmt.Fprintf(stderr, "beckond: error: %s\n", oneLine(err))
	return exitFailure
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// usageError is a command line that cannot be read.
type usageError struct{ error }

func newApp(stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:            "beckond",
		Usage:           "the beckon daemon: lets this device ring others, and be rung, with nobody in between",
		UsageText:       "beckond [flags]",
		Description:     settingsHelp,
		HideHelpCommand: true,
		Version:         version(),
		Flags:           flags(),
		Writer:          stdout,
		ErrWriter:       stderr,
		OnUsageError:    func(_ *cli.Context, err error, _ bool) error { return usageError{err} },
		ExitErrHandler:  func(*cli.Context, error) {},
	}
	app.Action = func(c *cli.Context) error {
		if c.NArg() > 0 {
			return usageError{fmt.Errorf("beckond takes flags only, not %q", c.Args().First())}
		}
		s, err := readSettings(c)
		if err != nil {
			return err
		}
		return serve(s, stdout)
	}
	return app
}
