//go:build unix

package socket

import (
	"fmt"
	"net"

	"github.com/coreos/go-systemd/v22/activation"
)

// activated returns the one socket that a service manager has handed down, or
// nil when it has not.
func activated() (net.Listener, error) {
	handed, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("taking the socket that was handed down: %w", err)
	}
	switch {
	case len(handed) == 0:
		return nil, nil
	case len(handed) == 1 && handed[0] != nil && handed[0].Addr().Network() == "unix":
		return handed[0], nil
	}
	for _, l := range handed {
		if l != nil {
			_ = l.Close()
		}
	}
	return nil, fmt.Errorf("%d sockets were handed down; hand down one Unix stream socket", len(handed))
}
