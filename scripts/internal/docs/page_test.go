package docs

import (
	"regexp"
	"strings"
	"testing"
)

// block is a fenced block of a document.
type block struct {
	line         int
	lang, device string
	text         string
}

// blocks returns the fenced blocks of a document in Markdown.
func blocks(t *testing.T, name, text string) []block {
	t.Helper()
	var all []block
	var b *block
	for i, line := range strings.Split(text, "\n") {
		info, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && b == nil:
			b = &block{line: i + 1}
			b.lang, b.device, _ = strings.Cut(strings.TrimSpace(info), " ")
		case fence:
			all, b = append(all, *b), nil
		case b != nil:
			b.text += line + "\n"
		}
	}
	if b != nil {
		t.Fatalf("%s:%d: the block has no end", name, b.line)
	}
	return all
}

// rows returns the cells of the table whose head begins with these words,
// without the head.
func rows(t *testing.T, text, head string) [][]string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\n| "+head)
	if !ok {
		t.Fatalf("there is no table that begins with %q", head)
	}
	var all [][]string
	for _, line := range strings.Split(rest, "\n")[2:] {
		if !strings.HasPrefix(line, "|") {
			break
		}
		var cells []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		all = append(all, cells)
	}
	if len(all) < 3 {
		t.Fatalf("the table %q has %d rows: nothing would be checked", head, len(all))
	}
	return all
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// code returns what a cell has in backquotes.
func code(cell string) []string {
	var all []string
	for _, m := range codeSpan.FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}
