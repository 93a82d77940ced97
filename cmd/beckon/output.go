package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/beckon-p2p/beckon/api"
)

// printJSON writes v as one line that is safe to show on a terminal.
func printJSON(w io.Writer, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // all that is printed is plain structs
	}
	w.Write(escapeJSON(b.Bytes()))
}

// escapeJSON spells out the control characters that encoding/json leaves as
// they are; they can only stand inside strings.
func escapeJSON(line []byte) []byte {
	line, end := bytes.CutSuffix(line, []byte("\n"))
	if bytes.IndexFunc(line, unsafeRune) >= 0 {
		var b []byte
		for _, r := range string(line) {
			switch {
			case !unsafeRune(r):
				b = utf8.AppendRune(b, r)
			case r > 0xffff:
				high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
				b = fmt.Appendf(b, `\u%04x\u%04x`, high, low)
			default:
				b = fmt.Appendf(b, `\u%04x`, r)
			}
		}
		line = b
	}
	if end {
		line = append(line, '\n')
	}
	return line
}

// clean makes text that came from elsewhere one line that cannot move the
// cursor, change colours or turn the direction of writing.
func clean(text string) string {
	if strings.IndexFunc(text, unsafeRune) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && text[i] != 0xef:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case !unsafeRune(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// unsafeRune reports whether r does something to a terminal instead of being
// seen: controls, marks of direction and other invisible formatting.
func unsafeRune(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp)
}

// cleanLines is clean for text that may have several lines; each is indented.
func cleanLines(text, indent string) string {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
	for i, line := range lines {
		lines[i] = indent + strings.ReplaceAll(clean(line), `\t`, "\t")
	}
	return strings.Join(lines, "\n")
}

// excerpt is clean text of at most n characters.
func excerpt(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return clean(text)
	}
	return fmt.Sprintf("%s… (%d bytes)", clean(string([]rune(text)[:n])), len(text))
}

// note tells people something beside the result, on standard error.
func (p *program) note(format string, args ...any) {
	if p.json {
		return
	}
	fmt.Fprintf(p.stderr, "beckon: "+format+"\n", args...)
}

// rows prints aligned columns, each cell cleaned; the first row is the head.
func (p *program) rows(rows [][]string) {
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = clean(cell)
		}
		fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	w.Flush() // a broken pipe ends the program by itself
}

// facts prints pairs of a name and a value, leaving out empty values.
func (p *program) facts(pairs ...string) {
	width := 0
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			width = max(width, len(pairs[i]))
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fmt.Fprintf(p.stdout, "%-*s  %s\n", width, pairs[i], clean(pairs[i+1]))
		}
	}
}

// Colours, as the numbers of their escape sequences.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
)

// paint colours text on a terminal that wants colours.
func (p *program) paint(colour, text string) string {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" || !isTerminal(p.stdout) {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// shortPeer is a peer ID for tables; its tail is the part that differs.
func shortPeer(id string) string {
	if len(id) <= 16 {
		return id
	}
	return id[:6] + "…" + id[len(id)-8:]
}

// when is a time for people, in their own zone.
func when(t api.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// span is a duration for people.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// outcomeText is the state of an invitation with its reason or error.
func outcomeText(inv api.Invitation) string {
	why := inv.Reason + inv.Error // never both
	state := inv.State
	if inv.Canceling && !inv.Ended() {
		state += ", canceling"
	}
	if why == "" || why == state {
		return state
	}
	return state + " (" + why + ")"
}
