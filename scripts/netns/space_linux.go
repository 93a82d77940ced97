package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Space is one more network namespace, with a loopback and nothing else, and
// with a thread that lives in it. It has no name that others could meet: it
// ends with this process, however that ends, and so does what Start started.
type Space struct {
	calls   chan func()
	closing chan struct{}
	ended   chan struct{}
	once    sync.Once
}

// errClosed says that a Space is no more.
var errClosed = errors.New("the network namespace is closed")

// NewSpace makes a namespace. The error says why the system does not let it.
func NewSpace() (*Space, error) {
	s := &Space{calls: make(chan func()), closing: make(chan struct{}), ended: make(chan struct{})}
	made := make(chan error)
	go s.live(made)
	if err := <-made; err != nil {
		return nil, fmt.Errorf("a network namespace cannot be made: %w", err)
	}
	return s, nil
}

func (s *Space) live(made chan<- error) {
	runtime.LockOSThread() // for good: the thread ends with this goroutine
	if unix.Gettid() == os.Getpid() {
		// Go never ends the main thread. Another one is found while this one is held.
		moved := make(chan struct{})
		go func() { defer close(moved); s.live(made) }()
		<-moved
		runtime.UnlockOSThread()
		return
	}
	defer close(s.ended)
	err := os.NewSyscallError("unshare", unix.Unshare(unix.CLONE_NEWNET))
	if err == nil {
		err = linkUp("lo")
	}
	made <- err
	if err != nil {
		return
	}
	for {
		select {
		case call := <-s.calls:
			call()
		case <-s.closing:
			return
		}
	}
}

// Do calls do on the thread of the namespace and returns its error. Sockets and
// links that do makes stay there. What do starts on goroutines of its own is
// elsewhere.
func (s *Space) Do(do func() error) error {
	answer := make(chan error, 1)
	select {
	case s.calls <- func() { answer <- do() }:
		return <-answer
	case <-s.ended:
		return errClosed
	}
}

// Close ends the thread, and with it the processes that Start started. The
// namespace ends with its last socket.
func (s *Space) Close() {
	s.once.Do(func() { close(s.closing) })
	<-s.ended
}

// Start starts a command in the namespace. The kernel kills it when the Space
// is closed or this process ends.
func (s *Space) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return s.Do(cmd.Start)
}

// The layers of a device made by NewDevice.
const (
	IP       = unix.IFF_TUN // packets, without neighbours
	Ethernet = unix.IFF_TAP // frames
)

// NewDevice makes a link whose other end is the file: what is read was sent by
// the namespace, what is written is received there. The link goes with the file.
func (s *Space) NewDevice(name string, layer uint16) (f *os.File, err error) {
	err = s.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("/dev/net/tun: %w", err)
		}
		req, err := unix.NewIfreq(name)
		if err == nil {
			req.SetUint16(layer | unix.IFF_NO_PI)
			err = os.NewSyscallError("TUNSETIFF", unix.IoctlIfreq(fd, unix.TUNSETIFF, req))
		}
		if err != nil {
			unix.Close(fd)
			return fmt.Errorf("link %s: %w", name, err)
		}
		f = os.NewFile(uintptr(fd), name)
		return nil
	})
	return f, err
}

// SetUp sets a link up with these addresses and no others.
func (s *Space) SetUp(link string, addrs ...netip.Prefix) error {
	return s.change(link, func(nl *netlink, index int) error {
		if err := nl.plainIPv6(index); err != nil {
			return err
		}
		if err := nl.up(index); err != nil {
			return err
		}
		for _, a := range addrs {
			if err := nl.address(index, a.Addr().AsSlice(), uint8(a.Bits())); err != nil {
				return err
			}
		}
		return nil
	})
}

// Add gives a link one more address.
func (s *Space) Add(link string, addr netip.Prefix) error {
	return s.change(link, func(nl *netlink, index int) error {
		return nl.address(index, addr.Addr().AsSlice(), uint8(addr.Bits()))
	})
}

// Remove takes an address from a link, and with it the routes that need it.
func (s *Space) Remove(link string, addr netip.Prefix) error {
	return s.change(link, func(nl *netlink, index int) error {
		ip := addr.Addr().AsSlice()
		m := unix.IfAddrmsg{Family: family(ip), Prefixlen: uint8(addr.Bits()), Index: uint32(index)}
		return nl.ask(unix.RTM_DELADDR, 0, m, attr(unix.IFA_LOCAL, ip), attr(unix.IFA_ADDRESS, ip))
	})
}

// Route sends what goes to a network through a link; via is the router there,
// the zero Addr if the link needs none.
func (s *Space) Route(link string, to netip.Prefix, via netip.Addr) error {
	return s.change(link, func(nl *netlink, index int) error {
		if !via.IsValid() {
			return nl.route(index, to.Addr().AsSlice(), uint8(to.Bits()))
		}
		ip := via.AsSlice()
		m := unix.RtMsg{Family: family(ip), Dst_len: uint8(to.Bits()), Table: unix.RT_TABLE_MAIN,
			Protocol: unix.RTPROT_STATIC, Scope: unix.RT_SCOPE_UNIVERSE, Type: unix.RTN_UNICAST}
		return nl.ask(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, m, attr(unix.RTA_DST, to.Addr().AsSlice()),
			attr(unix.RTA_GATEWAY, ip), attr(unix.RTA_OIF, number(index)))
	})
}

// change asks the kernel to change something about a link of the namespace.
func (s *Space) change(link string, how func(nl *netlink, index int) error) error {
	return s.Do(func() error { return onLink(link, how) })
}

// Sysctl sets a setting of the namespace, such as net.ipv4.ip_forward.
func (s *Space) Sysctl(name, value string) error {
	return s.Do(func() error {
		path := filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/"))
		return os.WriteFile(path, []byte(value), 0)
	})
}

func linkUp(name string) error {
	return onLink(name, func(nl *netlink, index int) error { return nl.up(index) })
}

func onLink(name string, how func(nl *netlink, index int) error) error {
	nl, err := dial()
	if err != nil {
		return err
	}
	defer nl.close()
	index, err := linkIndex(name)
	if err != nil {
		return err
	}
	if err := how(nl, index); err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	return nil
}

// aloneKey is the environment variable that tells a program that it runs alone.
const aloneKey = "NETNS_ALONE"

// Alone puts the whole program into a network namespace with nothing in it, so
// that no mistake of its own can reach anybody: the program runs again, in
// place. It is the first call of a main. The error says why it cannot be.
func Alone() error {
	links, err := net.Interfaces()
	switch {
	case err != nil:
		return err
	case len(links) <= 1:
		return nil
	case os.Getenv(aloneKey) != "":
		return errors.New("the new network namespace is not empty")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	runtime.LockOSThread() // the namespace is the thread's, and exec makes it the program's
	defer runtime.UnlockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("a network namespace cannot be made: %w (root can, and so can anybody under unshare -rn, where the system lets users)", err)
	}
	return unix.Exec(self, os.Args, append(os.Environ(), aloneKey+"=1"))
}
