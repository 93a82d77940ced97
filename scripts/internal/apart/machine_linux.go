package apart

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Machine is a network of its own that has nothing but a loopback.
type Machine struct {
	jobs chan func()
	done chan struct{}
}

// NewMachine returns one. It needs what Inside gives.
func NewMachine() (*Machine, error) {
	m := &Machine{jobs: make(chan func()), done: make(chan struct{})}
	made := make(chan error)
	go func() {
		defer close(m.done)
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		err := unshare()
		made <- err
		if err != nil {
			return
		}
		for job := range m.jobs {
			job()
		}
	}()
	if err := <-made; err != nil {
		return nil, err
	}
	return m, nil
}

// Do calls f on the machine: sockets that it opens and processes that it starts,
// on this goroutine, are there.
func (m *Machine) Do(f func()) {
	done := make(chan struct{})
	m.jobs <- func() { defer close(done); f() }
	<-done
}

// Close ends the machine. Its processes and sockets keep its network.
func (m *Machine) Close() {
	close(m.jobs)
	<-m.done
}

// unshare gives the thread a network of its own, with the loopback up.
func unshare() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return os.NewSyscallError("loopback up", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo))
}
