//go:build !linux && !darwin && !freebsd

package node

import "errors"

// freeSpace does not know on this system.
func freeSpace(string) (uint64, error) { return 0, errors.ErrUnsupported }
