//go:build linux

package netlab

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed expected.txt
var expectedText string

// Pair is two kinds of home.
type Pair struct{ First, Second Kind }

func (p Pair) String() string { return fmt.Sprintf("%s,%s", p.First, p.Second) }

// Expected is a row of the table of what is expected.
type Expected struct {
	Pair
	Path string // direct, relayed or any
}

// Table returns the table of what is expected. Each pair is in it once.
func Table() ([]Expected, error) {
	var all []Expected
	for line := range strings.Lines(expectedText) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" || strings.HasPrefix(f[0], "#") {
			continue
		}
		if len(f) != 3 || !slices.Contains(Kinds, Kind(f[0])) || !slices.Contains(Kinds, Kind(f[1])) ||
			!slices.Contains([]string{"direct", "relayed", "any"}, f[2]) {
			return nil, fmt.Errorf("expected.txt has the line %q", line)
		}
		all = append(all, Expected{Pair{Kind(f[0]), Kind(f[1])}, f[2]})
	}
	return all, nil
}

// ParsePair reads FIRST,SECOND. The order does not matter.
func ParsePair(text string) (Pair, error) {
	a, b, _ := strings.Cut(text, ",")
	all, err := Table()
	if err != nil {
		return Pair{}, err
	}
	for _, e := range all {
		if e.Pair == (Pair{Kind(a), Kind(b)}) || e.Pair == (Pair{Kind(b), Kind(a)}) {
			return e.Pair, nil
		}
	}
	return Pair{}, fmt.Errorf("%q is no pair: write two of %v with a comma between", text, Kinds)
}

// Differs says how a result is not what is expected; "" if it is.
func (e Expected) Differs(r Result) string {
	switch {
	case r.Err != nil:
		return fmt.Sprintf("%s: %v", r, r.Err)
	case e.Path != "any" && r.Later != e.Path:
		return fmt.Sprintf("%s: the path after a while is %q, expected %s", r, r.Later, e.Path)
	}
	return ""
}
