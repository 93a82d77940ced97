package netns

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The LAN. Both machines have the same names of things but for the last digit.
const (
	nearLink, farLink = "lan1", "lan2"
	nearHost, farHost = 1, 2
	patience          = 10 * time.Second
)

// The networks of this process: its own, and the far machine's.
var nearSpace, farSpace = -1, -1

// ways are the namespaces to ask for, one after the other: root needs no user
// namespace, and may be root in name only.
func ways() []*syscall.SysProcAttr {
	user := &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	if os.Geteuid() != 0 {
		return []*syscall.SysProcAttr{user}
	}
	return []*syscall.SysProcAttr{{Cloneflags: unix.CLONE_NEWNET}, user}
}

// Far calls do as on the far machine: processes that do itself starts, on this
// goroutine, live there. Sockets in the file system are the same on both.
func Far(t testing.TB, do func()) {
	t.Helper()
	Need(t)
	if err := inSpace(farSpace, func() error { do(); return nil }); err != nil {
		t.Fatal("the far machine cannot be entered:", err)
	}
}

// inSpace calls do with this goroutine's thread in another network namespace.
func inSpace(fd int, do func() error) error {
	runtime.LockOSThread()
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return os.NewSyscallError("setns", err)
	}
	defer func() {
		// A thread that does not come back stays locked and ends with the goroutine.
		if unix.Setns(nearSpace, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return do()
}

// setUp makes the far machine and the LAN between it and this process.
func setUp() (err error) {
	// Never in a network that others use.
	if links, err := net.Interfaces(); err != nil || len(links) > 1 {
		return fmt.Errorf("this is no fresh network namespace (%d links, %v)", len(links), err)
	}
	if nearSpace, err = openSpace(); err != nil {
		return err
	}
	if farSpace, err = newSpace(); err != nil {
		return fmt.Errorf("a second network namespace cannot be made: %w", err)
	}
	if err = newPair(nearLink, farLink, farSpace); err != nil {
		return fmt.Errorf("a pair of virtual links cannot be made: %w", err)
	}
	if err = bringUp(nearLink, nearHost); err != nil {
		return err
	}
	err = inSpace(farSpace, func() error {
		if err := bringUp(farLink, farHost); err != nil {
			return err
		}
		return awaitWire(farLink)
	})
	if err != nil {
		return err
	}
	return awaitWire(nearLink)
}

// awaitWire waits until a link carries packets: the kernel takes up to a second
// to notice that the other end is up, and drops until then.
func awaitWire(name string) error {
	nl, err := dial()
	if err != nil {
		return err
	}
	defer nl.close()
	link, err := linkIndex(name)
	if err != nil {
		return err
	}
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		there, err := nl.carries(link)
		switch {
		case err != nil:
			return err
		case there:
			return nl.up(link) // changes nothing, but waits for what the kernel does about it
		case time.Now().After(end):
			return fmt.Errorf("%s does not come up", name)
		}
	}
}

// openSpace returns a descriptor of the thread's network namespace.
func openSpace() (int, error) {
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return fd, os.NewSyscallError("open the network namespace", err)
}

// newSpace returns a descriptor of a new network namespace.
func newSpace() (fd int, err error) {
	made := make(chan struct{})
	go func() {
		defer close(made)
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			err = os.NewSyscallError("unshare", err)
			return
		}
		fd, err = openSpace()
	}()
	<-made
	return fd, err
}

// bringUp gives the thread's network namespace a loopback and its end of the
// LAN.
func bringUp(link string, host byte) error {
	nl, err := dial()
	if err != nil {
		return err
	}
	defer nl.close()
	lo, err := linkIndex("lo")
	if err != nil {
		return err
	}
	lan, err := linkIndex(link)
	if err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		err  error
	}{
		{"no automatic IPv6 addresses", nl.plainIPv6(lan)},
		{"loopback up", nl.up(lo)},
		{"link up", nl.up(lan)},
		{"IPv4 address", nl.address(lan, []byte{10, 77, 0, host}, 24)},
		{"IPv6 address", nl.address(lan, []byte{0: 0xfd, 1: 0x77, 15: host}, 64)},
		{"IPv6 link-local address", nl.address(lan, []byte{0: 0xfe, 1: 0x80, 15: host}, 64)},
		{"multicast route", nl.route(lan, []byte{224, 0, 0, 0}, 4)},
	} {
		if step.err != nil {
			return fmt.Errorf("%s: %s: %w", link, step.what, step.err)
		}
	}
	return nil
}
