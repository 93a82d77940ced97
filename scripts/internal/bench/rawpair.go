package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// rawPair is the two processes of the raw side.
type rawPair struct {
	server, client *child
}

func startRawPair() (*rawPair, error) {
	p := &rawPair{}
	var err error
	if p.server, err = startChild(startHere, roleServer); err != nil {
		return nil, err
	}
	addr, err := p.server.out.ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the raw server is not ready: %w", err), p.close())
	}
	if p.client, err = startChild(startHere, roleClient, strings.TrimSpace(addr)); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// measure has the client do one thing n times.
func (p *rawPair) measure(ctx context.Context, do string, n int) ([]time.Duration, error) {
	defer context.AfterFunc(ctx, func() { p.client.in.Close() })()
	if err := json.NewEncoder(p.client.in).Encode(rawRequest{do, n}); err != nil {
		return nil, fmt.Errorf("the raw client has ended: %w", err)
	}
	line, err := p.client.out.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("the raw client has ended: %w", err)
	}
	var reply rawReply
	if err := json.Unmarshal(line, &reply); err != nil {
		return nil, err
	}
	if reply.Error != "" {
		return nil, fmt.Errorf("raw, %s: %s", do, reply.Error)
	}
	return reply.Took, nil
}

func (p *rawPair) close() error {
	return errors.Join(p.client.close(), p.server.close())
}

// child is this program in another role. It ends when its standard input does.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startHere starts a process as usual.
func startHere(cmd *exec.Cmd) error { return cmd.Start() }

func startChild(start func(*exec.Cmd) error, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self, args...)}
	c.cmd.Stderr = os.Stderr
	c.cmd.Env = append(os.Environ(), "QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING=true")
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	if err := start(c.cmd); err != nil {
		return nil, err
	}
	return c, nil
}

// line reads what it says next.
func (c *child) line(ctx context.Context) (string, error) {
	defer context.AfterFunc(ctx, func() { c.in.Close() })()
	line, err := c.out.ReadString('\n')
	if err != nil {
		return "", errors.Join(fmt.Errorf("%s has ended: %w", c.cmd.Args[1], err), context.Cause(ctx))
	}
	return strings.TrimSpace(line), nil
}

func (c *child) close() error {
	if c == nil {
		return nil
	}
	c.in.Close()
	late := time.AfterFunc(5*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer late.Stop()
	_, _ = io.Copy(io.Discard, c.out)
	return c.cmd.Wait()
}
