package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	// hookPipes is how long a hook's children may keep its output open after
	// its own end.
	hookPipes = 2 * time.Second
	// hookEnd is how long a hook may take to end after SIGTERM when the
	// program itself ends.
	hookEnd = 3 * time.Second
)

// runHook runs the command of --exec for a ring and answers as it says.
func (l *listener) runHook(r *ring) {
	inv := r.event.Invitation
	event, err := json.Marshal(r.event.Event)
	if err != nil {
		l.tell("%s: %v", inv.ID, err)
		return
	}
	out := &capped{limit: maxPayload}
	cmd := exec.Command("sh", "-c", l.command)
	cmd.Stdin = bytes.NewReader(append(event, '\n'))
	cmd.Stdout, cmd.Stderr = out, l.stderr
	cmd.WaitDelay = hookPipes
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that its children get the signal too
	cmd.Env = append(os.Environ(),
		"BECKON_ID="+inv.ID,
		"BECKON_APP="+inv.App,
		"BECKON_CALLER_ID="+inv.CallerID,
		"BECKON_CHANNEL_ID="+inv.ChannelID,
		"BECKON_SOCKET="+l.client.Socket(),
	)
	if err := cmd.Start(); err != nil {
		l.tell("%s is left ringing: the command does not start: %v", inv.ID, err)
		return
	}
	if over := l.waitHook(cmd, r); over {
		return
	}
	switch code := cmd.ProcessState.ExitCode(); {
	case code == 0 && out.over:
		l.tell("%s is left ringing: the command's response is longer than 16 KiB", inv.ID)
	case code == 0:
		l.answer(inv.ID, answer{accept: true, response: out.kept.String()})
	case code == 1:
		l.answer(inv.ID, answer{})
	case code == 2:
		l.answer(inv.ID, answer{reason: "busy"})
	default:
		l.tell("%s is left ringing: the command ended with %s", inv.ID, cmd.ProcessState)
	}
}

// waitHook waits for the command's end and reports whether the ring was over
// before it, in which case the command was sent SIGTERM.
func (l *listener) waitHook(cmd *exec.Cmd, r *ring) (over bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		cmd.Wait() // its word is the exit code, in cmd.ProcessState
	}()
	select {
	case <-done:
		return false
	case <-r.over:
	}
	group := -cmd.Process.Pid
	syscall.Kill(group, syscall.SIGTERM)
	select {
	case <-done:
		return true
	case <-l.ctx.Done():
	}
	kill := time.AfterFunc(hookEnd, func() { syscall.Kill(group, syscall.SIGKILL) })
	defer kill.Stop()
	<-done
	return true
}

// capped keeps the first limit bytes that are written to it, and reads on.
type capped struct {
	kept  bytes.Buffer
	limit int
	over  bool
}

func (c *capped) Write(b []byte) (int, error) {
	room := c.limit - c.kept.Len()
	c.over = c.over || len(b) > room
	c.kept.Write(b[:min(len(b), room)])
	return len(b), nil
}
