//go:build unix

package main

import (
	"io/fs"
	"os"
	"syscall"
)

// owns reports whether a file belongs to this user, or to anybody if that is root.
func owns(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return !ok || os.Getuid() == 0 || int(s.Uid) == os.Getuid()
}
