package node

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// child is a process that kills itself.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
	err   bytes.Buffer
	ended bool
}

func startChild(t *testing.T, l life) *child {
	t.Helper()
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	p := &child{t: t, cmd: exec.CommandContext(testContext(t), os.Args[0])}
	p.cmd.Env = append(os.Environ(), crashEnv+"="+string(text))
	p.cmd.Stderr = &p.err
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		p.in, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	return p
}

// begin lets the child take part in the next invitation.
func (p *child) begin() { io.WriteString(p.in, "\n") }

// next returns what the child says next; false: it has ended.
func (p *child) next() (r report, ok bool) {
	if !p.lines.Scan() {
		return r, false
	}
	if err := json.Unmarshal(p.lines.Bytes(), &r); err != nil {
		p.t.Errorf("the child said %q", p.lines.Text())
	}
	return r, true
}

// end waits for the child, and kills it if it goes on.
func (p *child) end() {
	if !p.ended {
		p.ended = true
		p.kill()
		p.cmd.Wait()
	}
}

func (p *child) kill() { p.cmd.Process.Kill() }

// finish lets the child close its node.
func (p *child) finish() {
	p.in.Close()
	for r, ok := p.next(); ok; r, ok = p.next() {
		if r.What == saidFailed {
			p.t.Error(r.Error)
		}
	}
	p.ended = true
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the child: %v\n%s", err, p.err.String())
	}
}

// checkKilled checks that the child was killed and did not end otherwise.
func (p *child) checkKilled() {
	p.ended = true
	p.cmd.Wait()
	s, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || s.Signal() != syscall.SIGKILL || p.err.Len() > 0 {
		p.t.Fatalf("the child ended with %v: %s", p.cmd.ProcessState, p.err.String())
	}
}

func (p *child) trouble() string {
	p.end()
	return fmt.Sprintf("%v: %s", p.cmd.ProcessState, p.err.String())
}
