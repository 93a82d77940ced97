package journal

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// childEnv holds the path of the journal in the process that is to be killed.
const childEnv = "BECKON_JOURNAL_CHILD"

const eventsPerBatch = 3

// commitUntilKilled goes on with numbered batches and prints each number once
// it is committed. Batches differ much in size, so that kills hit large writes too.
func commitUntilKilled(path string) {
	m := newMachine()
	j, err := Open(Config{Path: path, Stamp: m.stamp})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for n := int(j.head)/eventsPerBatch + 1; ; n++ {
		var b Batch
		f := ring(n)
		f.Content = fmt.Sprintf("%0*d", 1+n%7*1000, n)
		b.Put(f)
		for range eventsPerBatch {
			b.Emit(told(f, invitation.RemoteReceived))
		}
		b.Setting("last", strconv.Itoa(n))
		if err := j.Commit(&b); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(n)
		if n%50 == 0 {
			// The parent may be gone; nobody else would end this process.
			if os.Getppid() == 1 {
				os.Exit(1)
			}
		}
	}
}

func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills processes for some seconds")
	}
	path := newPath(t)
	random := rand.New(rand.NewPCG(1, 2))
	total := 0
	for round := range 30 {
		told := killOne(t, path, 1+random.IntN(60), time.Duration(random.IntN(3000))*time.Microsecond)
		if told < total {
			t.Fatalf("round %d went back from batch %d to %d", round, total, told)
		}
		total = checkWhole(t, path, total, told)
	}
	// Once with the background sync at work, and then all again from the first.
	told := killOne(t, path, 0, syncAfter+50*time.Millisecond)
	checkWhole(t, path, 0, told)
}

// killOne lets a child commit at least so many batches, kills it at a moment
// after that, and returns the last number that it told.
func killOne(t *testing.T, path string, atLeast int, then time.Duration) (told int) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+path)
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	scan := func() bool {
		if !lines.Scan() {
			return false
		}
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			_, _ = io.Copy(io.Discard, out)
			t.Errorf("the child said %q", lines.Text())
			return false
		}
		told = n
		return true
	}
	for range atLeast {
		if !scan() {
			break
		}
	}
	killed := make(chan error, 1)
	kill := time.AfterFunc(then, func() { killed <- child.Process.Kill() })
	for scan() {
	}
	if err := <-killed; err != nil {
		t.Errorf("kill: %v", err)
	}
	kill.Stop()
	_ = child.Wait() // it says that it was killed
	return told
}

// checkWhole checks that the journal holds the batches that follow number
// after, to told at least, each whole, in order and once, and returns the last.
func checkWhole(t *testing.T, path string, after, told int) (last int) {
	t.Helper()
	m := newMachine()
	j, err := Open(Config{Path: path, Stamp: m.stamp})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	seq := int64(after * eventsPerBatch)
	for {
		events, to := read(t, j, seq, Filter{}, 1000)
		for _, e := range events {
			seq++
			n := int(seq-1)/eventsPerBatch + 1
			if e.Seq != seq || e.View.ID != number(n) || e.View.Form.Content != fmt.Sprintf("%0*d", 1+n%7*1000, n) {
				t.Fatalf("event %d is number %d of %v with %d bytes", seq, e.Seq, e.View.ID, len(e.View.Form.Content))
			}
		}
		if to == j.head && len(events) < 1000 {
			break
		}
	}
	last = int(seq) / eventsPerBatch
	if seq%eventsPerBatch != 0 || last < told {
		t.Fatalf("%d events are kept, batch %d was told", seq, told)
	}
	for n := after + 1; n <= last; n++ {
		if _, found, err := j.Load(number(n)); !found || err != nil {
			t.Fatalf("form %d: %v, %v", n, found, err)
		}
	}
	if _, found, err := j.Load(number(last + 1)); found || err != nil {
		t.Fatalf("a form without its events: %v", err)
	}
	if v, _, err := j.Setting("last"); last > 0 && v != strconv.Itoa(last) || err != nil {
		t.Fatalf("the last setting is %q, %v; want %d", v, err, last)
	}
	return last
}
