package reachability

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// watcher says when interfaces, their addresses or the routes change. The
// kernel tells; nothing is polled.
type watcher struct {
	socket  *os.File
	changes chan struct{}
	reading sync.WaitGroup
}

func newWatcher() (*watcher, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("changes of the network cannot be watched: %w", err)
	}
	groups := unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: uint32(groups)}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("changes of the network cannot be watched: %w", err)
	}
	w := &watcher{socket: os.NewFile(uintptr(fd), "netlink"), changes: make(chan struct{}, 1)}
	w.reading.Go(w.read)
	return w, nil
}

// read says that something changed; what, the reader finds out for itself.
func (w *watcher) read() {
	buf := make([]byte, 16<<10)
	for {
		if _, err := w.socket.Read(buf); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return // closed; ENOBUFS: the kernel had more to tell than fits
		}
		select {
		case w.changes <- struct{}{}:
		default:
		}
	}
}

// Close ends the watch.
func (w *watcher) Close() error {
	err := w.socket.Close()
	w.reading.Wait()
	return err
}
