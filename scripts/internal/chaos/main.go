package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/beckon-p2p/beckon/scripts/internal/apart"
	"github.com/beckon-p2p/beckon/scripts/internal/program"
)

const usage = `[--kills N] [--pairs N] [--seed N] [--quick]
Kills, starves and cuts off real daemons and checks from outside that nothing
is lost, nothing is told twice and nothing rings that should not.
  --kills N   kill -9 at least N times; default 320, about eight minutes
  --pairs N   of devices that ring each other at the same time; default 8
  --seed N    of the random choices; default another each time
  --quick     short times and fewer faults, for a test`

func main() { os.Exit(run()) }

func run() int {
	l := newLab()
	var quick bool
	p := program.Program{
		Name: "chaos", Usage: usage,
		Flags: func(f *flag.FlagSet) {
			f.IntVar(&l.kills, "kills", 320, "")
			f.IntVar(&l.pairsWanted, "pairs", 8, "")
			f.Uint64Var(&l.seed, "seed", 0, "")
			f.BoolVar(&quick, "quick", false, "")
		},
		Check: func() error {
			if l.kills < 1 || l.kills > 100_000 || l.pairsWanted < 1 || l.pairsWanted > 50 {
				return fmt.Errorf("--kills is 1 to 100000, --pairs 1 to 50")
			}
			if l.seed == 0 {
				l.seed = rand.Uint64()>>12 + 1
			}
			if l.times = fullTimes; quick {
				l.times = quickTimes
			}
			return nil
		},
		// A round takes about as long as a ring may, and each has a kill.
		Most: func() time.Duration {
			return 3*time.Minute + time.Duration(l.kills/l.pairsWanted+1)*l.times.round
		},
		Run: l.run,
	}
	code, ran, err := apart.Inside()
	if ran {
		return code
	}
	l.noNetwork = err
	return p.Main(os.Args[1:])
}
