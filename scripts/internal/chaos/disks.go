package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/scripts/internal/apart"
)

// fullDisk: what has no room is refused in words; what was acknowledged stays;
// who rings meanwhile is heard once there is room.
func fullDisk(ctx context.Context, c *couple) (string, error) {
	if err := c.rings(ctx, nothing); err != nil {
		return "", err
	}
	for i := range 40 {
		if _, err := c.create(ctx, fmt.Sprintf("before-%d", i), 8<<10, true); err != nil {
			return "", err
		}
	}
	filler := filepath.Join(c.victim.cfg.Data, "filler")
	if err := stuff(filler); err != nil {
		return "", err
	}
	made, last, err := c.fill(ctx, 8<<10)
	if err != nil {
		return "", fmt.Errorf("a full disk, after %d answers: %w", made, err)
	}
	if last.code != api.CodeInternal || !strings.Contains(last.detail, "journal") {
		return "", fmt.Errorf("a full disk was answered %d %s %q", last.status, last.code, last.detail)
	}
	if _, err := c.victim.Node(ctx); err != nil {
		return "", fmt.Errorf("it does not answer any more: %w", err)
	}
	// The peer rings while there is no room, and is heard when there is.
	if err := c.rings(ctx, func() error { pause(ctx, 3*time.Second); return os.Remove(filler) }); err != nil {
		return "", fmt.Errorf("a ring that began with a full disk: %w", err)
	}
	if err := c.remembers(ctx); err != nil {
		return "", err
	}
	// And again, with kill -9 while it is full.
	if err := stuff(filler); err != nil {
		return "", err
	}
	more, _, err := c.fill(ctx, 8<<10)
	if err != nil {
		return "", err
	}
	c.victim.killLocked()
	start := "succeeded"
	if err := c.victim.start(ctx); err != nil {
		if !strings.Contains(err.Error(), "no room on the disk") && !strings.Contains(err.Error(), "no space left") {
			return "", fmt.Errorf("on a full disk it ended so: %w", err)
		}
		start = "was refused in words"
	}
	if err := os.Remove(filler); err != nil {
		return "", err
	}
	if err := errors.Join(c.again(ctx), c.rings(ctx, nothing), c.remembers(ctx)); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d invitations acknowledged before (%d of them on the full disk), the next answered 500, all kept; "+
		"who rang meanwhile was heard when there was room; a start on the full disk %s", len(c.acked), made+more, start), nil
}

// stuff takes all the room there is.
func stuff(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	return nil
}

// readOnly: a directory that cannot be written is refused in words, and is as it
// was.
func readOnly(ctx context.Context, c *couple) (string, error) {
	if _, err := c.create(ctx, "before", 100, true); err != nil {
		return "", err
	}
	dir := c.victim.cfg.Data
	c.victim.killLocked()
	before := contents(dir)
	if err := apart.ReadOnly(dir, true); err != nil {
		return "", err
	}
	said, err := c.refused(ctx, "read-only", "cannot be written", "not writable", "permission")
	if err := errors.Join(err, apart.ReadOnly(dir, false)); err != nil {
		return "", err
	}
	if contents(dir) != before {
		return "", errors.New("its files were changed")
	}
	if err := errors.Join(c.again(ctx), c.rings(ctx, nothing), c.remembers(ctx)); err != nil {
		return "", err
	}
	return "refused, the files as they were: " + said, nil
}

// refused starts the victim, which must not come up and must say one of these.
func (c *couple) refused(ctx context.Context, words ...string) (string, error) {
	err := c.victim.start(ctx)
	if err == nil {
		return "", errors.New("it started")
	}
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	said := strings.ReplaceAll(lines[len(lines)-1], c.lab.Dir, "…")
	for _, w := range words {
		if strings.Contains(said, w) {
			return "\"" + said + "\"", nil
		}
	}
	return "", fmt.Errorf("it said %q, with none of %q", said, words)
}

// contents is all that a directory holds, to be compared.
func contents(dir string) string {
	var b strings.Builder
	all, _ := os.ReadDir(dir) // a directory that cannot be read differs from any other
	for _, f := range all {
		text, _ := os.ReadFile(filepath.Join(dir, f.Name()))
		fmt.Fprintf(&b, "%s %x\n", f.Name(), text)
	}
	return b.String()
}

// fileSize: a write that the system refuses may end the daemon, and takes nothing
// with it that was acknowledged.
func fileSize(ctx context.Context, c *couple) (string, error) {
	if err := c.again(ctx, "sh", "-c", `ulimit -f 4096; exec "$@"`, "sh"); err != nil {
		return "", err
	}
	made, last, err := c.fill(ctx, 8<<10)
	how := "the daemon ended"
	if err == nil {
		how = fmt.Sprintf("the next was answered %d", last.status)
		if last.code != api.CodeInternal {
			return "", fmt.Errorf("it was answered %d %s %q", last.status, last.code, last.detail)
		}
	} else if made >= 3000 {
		return "", err
	}
	if err := errors.Join(c.again(ctx), c.rings(ctx, nothing), c.remembers(ctx)); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d invitations acknowledged, then %s; all kept without the limit", made, how), nil
}

// foreign: what is no whole journal is refused in words and left as it is.
func foreign(ctx context.Context, c *couple) (string, error) {
	for i := range 20 {
		if _, err := c.create(ctx, fmt.Sprintf("before-%d", i), 4<<10, true); err != nil {
			return "", err
		}
	}
	c.victim.close()
	path := filepath.Join(c.victim.cfg.Data, "beckon.db")
	good, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var all []string
	for _, bad := range []struct {
		what string
		text []byte
	}{
		{"truncated", good[:len(good)/2]},
		{"somebody else's", []byte(strings.Repeat("dear diary\n", 1000))},
	} {
		if err := os.WriteFile(path, bad.text, 0o600); err != nil {
			return "", err
		}
		said, err := c.refused(ctx, "damaged", "not a beckon journal")
		if err != nil {
			return "", fmt.Errorf("%s: %w", bad.what, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, bad.text) {
			return "", fmt.Errorf("%s: the file was changed (%v)", bad.what, err)
		}
		all = append(all, said)
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		return "", err
	}
	if err := errors.Join(c.again(ctx), c.rings(ctx, nothing), c.remembers(ctx)); err != nil {
		return "", err
	}
	return "refused, the file as it was: " + strings.Join(all, "; "), nil
}

// fewFiles: with no descriptor left a daemon serves nobody new, and lives on.
func fewFiles(ctx context.Context, c *couple) (string, error) {
	const most = 64
	if err := c.again(ctx, "sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$@"`, most), "sh"); err != nil {
		return "", err
	}
	if err := c.rings(ctx, nothing); err != nil {
		return "", fmt.Errorf("with %d descriptors: %w", most, err)
	}
	readers, stop := context.WithCancel(ctx)
	defer stop()
	var crowd []*recorder
	for range 2 * most {
		r := newRecorder(c.victim.Socket())
		r.follow(readers)
		crowd = append(crowd, r)
	}
	pause(ctx, 2*time.Second)
	served := 0
	for _, r := range crowd {
		r.mu.Lock()
		if r.first != "" {
			served++
		}
		r.mu.Unlock()
	}
	if served >= 2*most {
		return "", fmt.Errorf("%d streams were served with %d descriptors", served, most)
	}
	if err := c.victim.broken(); err != nil {
		return "", err
	}
	// A ring that begins now may fail, but is told so; with descriptors it works.
	if err := c.rings(ctx, func() error {
		pause(ctx, 2*time.Second)
		stop()
		for _, r := range crowd {
			r.stopped.Wait()
		}
		return nil
	}); err != nil {
		return "", fmt.Errorf("a ring that began without descriptors: %w", err)
	}
	if err := errors.Join(c.remembers(ctx), c.victim.broken()); err != nil {
		return "", err
	}
	return fmt.Sprintf("of %d descriptors none left, %d of %d streams served, the daemon lived on; who rang meanwhile was heard", most, served, 2*most), nil
}
