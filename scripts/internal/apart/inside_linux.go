package apart

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// inside is set, to where from, for a process that Inside has started.
const inside = "APART_INSIDE"

// Inside runs this program again where it may make machines and mount file
// systems that nobody else sees, and returns its exit code: in a process, mount
// and network namespace, with a user namespace where the user is not root. All
// processes in there end with it, however it ends. It reports false in there,
// and, with the reason, where the system does not let it.
func Inside() (code int, ran bool, err error) {
	if os.Getenv(inside) != "" {
		return 0, false, makePrivate()
	}
	exe, err := os.Executable()
	if err != nil {
		return 0, false, err
	}
	for _, attr := range ways() {
		cmd := exec.Command(exe, os.Args[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = attr
		signals := make(chan os.Signal, 4)
		signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
		if startErr := cmd.Start(); startErr != nil {
			signal.Stop(signals)
			err = startErr
			continue
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = cmd.Wait() // how it ended is in ProcessState
		}()
		for {
			select {
			case s := <-signals:
				_ = cmd.Process.Signal(s) // fails if it has ended, which is what is wanted
			case <-done:
				signal.Stop(signals)
				return exitCode(cmd.ProcessState), true, nil
			}
		}
	}
	return 0, false, fmt.Errorf("the system allows no namespaces: %w", err)
}

func exitCode(s *os.ProcessState) int {
	if c := s.ExitCode(); c >= 0 {
		return c
	}
	return 1
}

// ways are the namespaces to ask for, one after the other: root needs no user
// namespace, and may be root in name only.
func ways() []*syscall.SysProcAttr {
	const spaces = unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET
	user := &syscall.SysProcAttr{
		Cloneflags: spaces | unix.CLONE_NEWUSER, Setpgid: true,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	if os.Geteuid() != 0 {
		return []*syscall.SysProcAttr{user}
	}
	return []*syscall.SysProcAttr{{Cloneflags: spaces, Setpgid: true}, user}
}

// makePrivate keeps what is mounted in here from the rest of the system.
func makePrivate() error {
	return os.NewSyscallError("mount", unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
}

// Disk mounts a small disk at an existing directory. Off takes it away.
func Disk(dir string, bytes int64) (off func() error, err error) {
	if err := unix.Mount("disk", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%d,mode=700", bytes)); err != nil {
		return nil, os.NewSyscallError("mount", err)
	}
	return func() error { return os.NewSyscallError("umount", unix.Unmount(dir, unix.MNT_DETACH)) }, nil
}

// ReadOnly makes a disk one that cannot be written, or one that can be again.
func ReadOnly(dir string, on bool) error {
	flags := uintptr(unix.MS_REMOUNT | unix.MS_NOSUID | unix.MS_NODEV)
	if on {
		flags |= unix.MS_RDONLY
	}
	return os.NewSyscallError("remount", unix.Mount("", dir, "", flags, ""))
}
