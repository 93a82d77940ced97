//go:build linux

package netlab

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
)

// Shell builds a laboratory, starts a peer in a home, and runs the user's shell
// on the peer's host until it ends. BECKON_SOCKET is the peer's socket there.
func Shell(ctx context.Context, cfg Config, kind Kind) error {
	w, err := Build(ctx, cfg)
	if err != nil {
		return err
	}
	defer w.Close()
	p, _, err := w.At(ctx, cmp.Or(kind, EIM))
	if err != nil {
		return err
	}
	for _, s := range w.Servers {
		fmt.Fprintf(os.Stderr, "%s: BECKON_SOCKET=%s\n", s.Host, s.Socket())
	}
	fmt.Fprintf(os.Stderr, "here, %s: BECKON_SOCKET=%s; exit ends the laboratory\n", p.Host, p.Socket())
	sh := exec.CommandContext(ctx, cmp.Or(os.Getenv("SHELL"), "sh"))
	sh.Env = append(os.Environ(), "BECKON_SOCKET="+p.Socket())
	sh.Stdin, sh.Stdout, sh.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := p.Host.Start(sh); err != nil {
		return err
	}
	_ = sh.Wait() // its exit code is the user's business
	return nil
}
