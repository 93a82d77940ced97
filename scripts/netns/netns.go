package netns

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

const (
	// insideKey is the environment variable that tells a binary that it runs
	// inside, and for which test.
	insideKey = "NETNS_INSIDE"
	everyTest = "*"
	// reasonFile is the descriptor on which the inner process says why there is
	// no network; it closes it without a word when all is well.
	reasonFile = 3
	// headStart is how long before the outer test's deadline the inner one ends
	// by itself, so that it is not left behind.
	headStart = 3 * time.Second
)

// errMissing is why this process has no network of its own.
var errMissing = errors.New("TestMain did not ask for one")

// Enter is the first line of a TestMain whose tests all run inside. It runs the
// binary again with the same arguments, inside, and exits with its exit code;
// in the inner process it returns. Where no namespace can be made it returns
// too, and the tests that call Need skip.
func Enter() {
	if os.Getenv(insideKey) == everyTest {
		if err := setUp(); err != nil {
			report(err)
			os.Exit(0)
		}
		errMissing = nil
		report(nil)
		return
	}
	err := rerun(os.Args[1:], []string{insideKey + "=" + everyTest}, os.Stdout, os.Stderr)
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit):
		os.Exit(max(exit.ExitCode(), 1))
	}
	errMissing = err
}

// Need skips the test unless it runs inside.
func Need(t testing.TB) {
	t.Helper()
	if errMissing != nil {
		t.Skip("no network of the test's own here:", errMissing)
	}
}

// Run runs the calling top-level test again, alone, inside, with env ("K=V")
// added to its environment. It returns true in the inner process. In the outer
// one it returns false when the inner one has ended, which fails t if it
// failed; it skips t where no namespace can be made.
func Run(t *testing.T, env ...string) bool {
	t.Helper()
	if os.Getenv(insideKey) == t.Name() {
		err := setUp()
		report(err)
		if err != nil {
			t.Skip(err)
		}
		errMissing = nil
		return true
	}
	args := []string{"-test.run=^" + t.Name() + "$", "-test.v"}
	if end, ok := t.Deadline(); ok {
		args = append(args, "-test.timeout="+max(time.Until(end)-headStart, time.Second).String())
	}
	var out bytes.Buffer
	err := rerun(args, append(env, insideKey+"="+t.Name()), &out, &out)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		t.Errorf("inside: %v\n%s", err, out.Bytes())
	case err != nil:
		t.Skip("no network of the test's own here:", err)
	default:
		t.Logf("inside:\n%s", out.Bytes())
	}
	return false
}

// rerun runs this binary inside and waits for its end. The error is an
// exec.ExitError if it ran and failed; any other says why it cannot run inside.
func rerun(args, env []string, stdout, stderr io.Writer) error {
	if os.Getenv(insideKey) != "" {
		return errors.New("this is another test's network")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for i, attr := range ways() {
		cmd := exec.Command(self, args...)
		cmd.Env = append(os.Environ(), env...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, stdout, stderr
		cmd.SysProcAttr = attr
		if err = attempt(cmd); err == nil || i == len(ways())-1 {
			return err
		}
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return err
		}
	}
	return err
}

// attempt runs cmd to its end, or returns what it says on its reasonFile.
func attempt(cmd *exec.Cmd) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd.ExtraFiles = []*os.File{w}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("a network namespace cannot be made: %w", err)
	}
	reason, err := io.ReadAll(r)
	if ended := cmd.Wait(); ended != nil {
		return ended
	}
	if len(reason) > 0 {
		return fmt.Errorf("%s", reason)
	}
	return err
}

// report ends what the outer process waits for.
func report(err error) {
	f := os.NewFile(reasonFile, "reason")
	if err != nil {
		fmt.Fprint(f, err)
	}
	f.Close()
}
