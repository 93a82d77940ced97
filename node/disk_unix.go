//go:build linux || darwin || freebsd

package node

import "golang.org/x/sys/unix"

// freeSpace returns how many bytes this user may still write at dir.
func freeSpace(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return uint64(max(int64(s.Bavail), 0)) * uint64(s.Bsize), nil
}
