package node

import (
	"encoding/binary"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

type bootClock struct{ bootID string }

// NewClock returns the machine's clock: CLOCK_BOOTTIME, which counts suspend
// and cannot be set, and the wall clock.
func NewClock() Clock {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil { // no proc: every start counts as another boot, which is safe
		return bootClock{protocol.NewID().String()}
	}
	return bootClock{strings.TrimSpace(string(id))}
}

func (c bootClock) Now() protocol.Instant {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("node: CLOCK_BOOTTIME: " + err.Error()) // in Linux since 2.6.39
	}
	return protocol.Instant(ts.Nano())
}

func (c bootClock) Stamp() invitation.Stamp {
	return invitation.Stamp{BootID: c.bootID, Clock: c.Now(), Wall: time.Now()}
}

// bootAlarm is a timerfd: Go's own timers stand still while the machine sleeps.
type bootAlarm struct {
	fd   *os.File
	raw  int
	c    chan struct{}
	done chan struct{}
}

func (c bootClock) Alarm() Alarm {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		panic("node: timerfd: " + err.Error()) // only for want of file descriptors at start
	}
	a := &bootAlarm{fd: os.NewFile(uintptr(fd), "timerfd"), raw: fd, c: make(chan struct{}, 1), done: make(chan struct{})}
	go a.read()
	return a
}

func (a *bootAlarm) read() {
	defer close(a.done)
	var b [8]byte
	for {
		if _, err := a.fd.Read(b[:]); err != nil {
			return
		}
		if binary.NativeEndian.Uint64(b[:]) > 0 {
			select {
			case a.c <- struct{}{}:
			default:
			}
		}
	}
}

func (a *bootAlarm) Set(at protocol.Instant) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(at))}
	// An absolute moment in the past rings at once; zero disarms.
	_ = unix.TimerfdSettime(a.raw, unix.TFD_TIMER_ABSTIME, &spec, nil)
}

func (a *bootAlarm) C() <-chan struct{} { return a.c }

func (a *bootAlarm) Close() {
	a.fd.Close()
	<-a.done
}
