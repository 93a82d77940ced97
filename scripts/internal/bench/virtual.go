package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// module is where the tests are that measure virtual networks.
const module = "github.com/beckon-p2p/beckon/"

// virtualFigures are the names that those tests give their figures, in seconds.
var virtualFigures = map[string]string{
	"find": figFind, "stock_find": figStockFind,
	"ring": figFirst, "stock_ring": figStockFirst, "known": figKnown,
	"relayed_ring": figRelayed, "stock_relayed_ring": figStockRelayed,
}

// measureVirtual has the tests measure what only virtual networks show: the ways
// through the network, without any computing.
func (l *lab) measureVirtual(ctx context.Context) error {
	l.say("virtual networks")
	for _, args := range [][]string{
		{"./discovery/dht", "-args", fmt.Sprintf("-dht-servers=%d", l.plan.peers), fmt.Sprintf("-dht-searches=%d", l.plan.searches)},
		{"./node"},
	} {
		args[0] = module + strings.TrimPrefix(args[0], "./")
		cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-count=1", "-v", "-run=^TestVirtualFigures$"}, args...)...)
		out, err := cmd.CombinedOutput()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		// A test that fails because a goal is missed has told its figures.
		if n, readErr := l.readVirtual(out); n == 0 || readErr != nil {
			return errors.Join(fmt.Errorf("the virtual network of %s: %w\n%s", args[0], err, out), readErr)
		}
	}
	return nil
}

// readVirtual takes the figures from what the tests print as their attributes.
func (l *lab) readVirtual(out []byte) (n int, err error) {
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 5 || words[1] != "ATTR" || virtualFigures[words[3]] == "" {
			continue
		}
		for _, w := range words[4:] {
			v, err := strconv.ParseFloat(w, 64)
			if err != nil {
				return n, err
			}
			l.add(virtualFigures[words[3]], v)
			n++
		}
	}
	return n, nil
}
