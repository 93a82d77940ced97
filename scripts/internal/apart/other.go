//go:build !linux

package apart

import "errors"

var errOther = errors.New("only Linux has network namespaces")

// Machine is a network of its own, which only Linux has.
type Machine struct{}

// NewMachine fails here.
func NewMachine() (*Machine, error) { return nil, errOther }

// Do calls f.
func (m *Machine) Do(f func()) { f() }

// Close does nothing.
func (m *Machine) Close() {}

// Inside reports that it cannot.
func Inside() (code int, ran bool, err error) { return 0, false, errOther }

// Disk fails here.
func Disk(string, int64) (off func() error, err error) { return nil, errOther }

// ReadOnly fails here.
func ReadOnly(string, bool) error { return errOther }
