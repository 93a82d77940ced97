package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// Only what is as it is in the program's own file is left.
func TestUnwritten(t *testing.T) {
	part := func(head string, anonymous int) string {
		return fmt.Sprintf("%s\nSize:  16 kB\nRss:  16 kB\nAnonymous:  %d kB\nVmFlags: rd mr\n", head, anonymous)
	}
	smaps := part("00400000-00500000 r-xp 00000000 fe:00 77                                 /opt/a b/beckond", 0) +
		part("00500000-00600000 r-xp 00100000 fe:00 77   /opt/a b/beckond", 4) + // written by a debugger
		part("00600000-00700000 rw-p 00200000 fe:00 77   /opt/a b/beckond", 0) +
		part("00700000-00800000 r--s 00300000 fe:00 77   /opt/a b/beckond", 0) + // shared
		part("00800000-00900000 r--p 00400000 fe:00 77   /opt/a b/beckond", 0) +
		part("7f0000000000-7f0000100000 r-xp 00000000 fe:00 78   /lib/libc.so.6", 0) +
		part("7f0000200000-7f0000300000 r--p 00000000 00:00 0 ", 0)
	got := unwritten(bufio.NewScanner(strings.NewReader(smaps)), "/opt/a b/beckond")
	if want := []mapping{{0x400000, 0x500000}, {0x800000, 0x900000}}; !slices.Equal(got, want) {
		t.Errorf("left %x, want %x", got, want)
	}
}

func TestLeaveFile(t *testing.T) {
	before := fileBacked(t)
	leaveFile()
	if after := fileBacked(t); after > before*3/4 {
		t.Errorf("of %d KB of files %d are still held", before, after)
	}
}

// fileBacked returns the kilobytes of files that this process holds.
func fileBacked(t *testing.T) (n int) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "RssFile:")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
