//go:build !linux

package netns

import (
	"errors"
	"syscall"
	"testing"
)

var errLinux = errors.New("only Linux has network namespaces")

// Far skips the test.
func Far(t testing.TB, _ func()) { t.Skip(errLinux) }

func setUp() error { return errLinux }

func ways() []*syscall.SysProcAttr { return nil }
