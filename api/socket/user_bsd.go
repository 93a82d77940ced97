//go:build darwin || freebsd

package socket

import "golang.org/x/sys/unix"

// userOf asks the kernel who is at the other end of fd.
func userOf(fd int) (uint32, error) {
	c, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, err
	}
	return c.Uid, nil
}
