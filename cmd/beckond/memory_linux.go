package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// leaveFile lets go of the pages of the program's file, which the kernel maps
// around everything that is touched. They stay in its cache, and those that are
// needed again come back without a disk. Nothing can be lost: only mappings that
// cannot be written and have no page of their own are left.
func leaveFile() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return // the memory is then held, as before
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer maps.Close()
	for _, m := range unwritten(bufio.NewScanner(maps), exe) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED) // refused: as before
	}
}

// mapping is where a part of a file is in memory.
type mapping struct{ from, to uintptr }

// unwritten returns the mappings of a file, from the form of /proc/self/smaps,
// that are as the file is and stay so.
func unwritten(smaps *bufio.Scanner, file string) (all []mapping) {
	var last mapping
	var ours bool
	for smaps.Scan() {
		line := smaps.Text()
		if key, value, _ := strings.Cut(line, ":"); key == "Anonymous" {
			if ours && strings.TrimSpace(value) == "0 kB" {
				all = append(all, last)
			}
			continue
		}
		var m mapping
		var may, offset, device string
		var inode uint64
		if n, _ := fmt.Sscanf(line, "%x-%x %s %s %s %d", &m.from, &m.to, &may, &offset, &device, &inode); n == 6 {
			last, ours = m, may[1] == '-' && may[3] == 'p' && strings.HasSuffix(line, " "+file)
		}
	}
	return all
}
