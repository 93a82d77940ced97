package program

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Machine says in a few words where a report was made.
func Machine() string {
	return fmt.Sprintf("%s/%s, %d cores, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
}

// Load returns the system's load averages, where it tells them.
func Load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "not told by the system"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}
