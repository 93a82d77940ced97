package invitation_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// TestTranscripts replays conversations between a caller A and a callee B. A
// line with ">" is what happens to them, the lines below it are what follows:
// seconds, who, and "->" what its daemon says or "app <-" what its apps are
// told. A frame takes 50 ms, an app 100 ms to be handed a ring.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d transcripts, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, path, playTranscript(t, string(text)))
		})
	}
}

func playTranscript(t *testing.T, text string) string {
	w := newWorld(1, newCoverage())
	w.latency = 50 * time.Millisecond
	w.inv = append(w.inv, &plan{n: 1, id: protocol.ID{15: 1}, reach: protocol.DefaultReach, ring: protocol.DefaultRing})
	for _, d := range w.dev {
		d.user.handOver = 100 * time.Millisecond
	}
	var out strings.Builder
	heads := 0
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "#"):
			heads++
			out.WriteString(line + "\n")
		case strings.HasPrefix(line, ">"):
			out.WriteString("\n" + line + "\n")
			w.log = &out
			for _, command := range strings.Split(line[1:], ";") {
				if !w.command(strings.Fields(command)) {
					t.Fatalf("no such command: %q", command)
				}
			}
			w.run(w.now)
		}
	}
	if heads == 0 {
		t.Error("a transcript begins with a line that says which case it is")
	}
	if w.failed != "" {
		t.Error(w.failed)
	}
	out.WriteString("\n")
	for _, p := range w.inv[1:] {
		caller, callee := w.pair(p)
		forms := [2]*invitation.Form{caller, callee}
		which := ""
		if len(w.inv) > 2 {
			which = fmt.Sprintf(" of %d", p.n)
		}
		fmt.Fprintf(&out, "end%s: A %s, B %s\n", which, ending(forms[p.caller]), ending(forms[1-p.caller]))
	}
	return out.String()
}

func ending(f *invitation.Form) string {
	if f == nil {
		return "knows nothing"
	}
	s := string(f.State) + outcome(f)
	if f.Owes {
		s += ", owes"
	}
	return s
}

// command is one thing that happens; the words are those of the transcripts.
func (w *world) command(words []string) bool {
	words = append(words, "", "")
	if long, err := time.ParseDuration(words[1]); words[0] == "wait" && err == nil {
		w.run(w.now + long)
		return true
	}
	switch words[0] {
	case "A", "B":
		return w.deviceCommand(w.dev[words[0][0]-'A'], words[1], words[2])
	case "link":
		w.link = words[1] == "up"
		if !w.link {
			w.cut(false, [2]bool{true, true})
		}
	case "silent":
		w.cut(false, [2]bool{words[1] != "B", words[1] != "A"})
	case "cut":
		w.cut(true, [2]bool{})
	case "stall":
		long, err := time.ParseDuration(words[1])
		w.stallNext = long
		w.stall(long)
		return err == nil
	case "twice": // every message comes a second time, later
		w.dup = 1
	case "large":
		w.inv[1].content = strings.Repeat("x", 2000)
	case "callee": // "callee is A" swaps the parts
		w.inv[1].caller = 1 - int(words[2][0]-'A')
	case "glare": // each has an invitation: A's is 1, B's is 2, and "glare merge" lets both merge
		v := *w.inv[1]
		v.n, v.id, v.caller = 2, protocol.ID{15: 2}, 1
		w.inv = append(w.inv, &v)
		for _, p := range w.inv[1:] {
			p.glare, p.content = protocol.GlareIndependent, fmt.Sprint("offer ", p.n)
			if words[1] == "merge" {
				p.glare = protocol.GlareMerge
			}
		}
	default:
		return false
	}
	return true
}

func (w *world) deviceCommand(d *device, verb, word string) bool {
	verbs := map[string]invitation.Input{
		"send": invitation.Send{}, "cancel": cancelVerb, "accept": invitation.Accept{Response: "answer"},
		"refuse": invitation.Refuse{Reason: protocol.ReasonDeclined},
	}
	if in, ok := verbs[verb]; ok {
		if verb == "send" {
			d.create(w.which(d, verb))
		}
		d.verb(w.which(d, verb), in)
		return true
	}
	long, err := time.ParseDuration(word)
	switch verb {
	case "create":
		d.create(w.which(d, verb))
	case "app":
		d.setApp(word == "comes" || word == "observes", word == "observes")
	case "loses":
		d.user.lost = true
	case "killed":
		w.logf("%s: killed", d)
		d.stop(true)
	case "vanishes":
		w.logf("%s: its machine is gone", d)
		d.stop(false)
	case "starts":
		d.start()
	case "reboots":
		d.boot++
		d.bootAt = w.now
		d.start()
	case "dies": // word: before-journal, before-sending or before-telling
		d.killIn = map[string]int{"before-journal": 1, "before-sending": 2, "before-telling": 3}[word]
		return d.killIn > 0
	case "power-cut":
		w.cutPower(d)
		d.boot++
		d.bootAt = w.now
	case "logs":
		d.setOnline(word == "in")
	case "clock":
		d.wallOff += long
		return err == nil
	case "sleeps":
		d.sleep(long)
		return err == nil
	default:
		return false
	}
	return true
}

// which is the invitation that a verb is about: there is one, or each side has
// its own.
func (w *world) which(d *device, verb string) int {
	if len(w.inv) == 2 {
		return 1
	}
	if verb == "accept" || verb == "refuse" {
		return 2 - d.n
	}
	return 1 + d.n
}
