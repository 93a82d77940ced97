package invitation

import (
	"fmt"
	"strings"
)

// Markdown returns rows of a life cycle as a Markdown table, as SPEC.md has it.
func Markdown(rows []*Row) string {
	var b strings.Builder
	b.WriteString("| from | on | to | callback |\n|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.markdownFrom(), r.On, r.markdownTo(), orDash(string(r.Callback)))
	}
	return b.String()
}

func (r *Row) markdownFrom() string {
	names := make([]string, len(r.From))
	for i, s := range r.From {
		names[i] = string(s)
	}
	from := orDash(strings.Join(names, ", "))
	if r.Sub != AnySub {
		from += "; " + string(r.Sub)
	}
	return from
}

func (r *Row) markdownTo() string {
	if r.To == "" {
		return "the same"
	}
	return string(r.To)
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
