package stream

import "github.com/libp2p/go-libp2p/core/network"

// Fail resets the session because its peer broke a rule that only the caller
// can see. Other sessions are not touched.
func (s *Session) Fail(why error) { s.stop(why, network.StreamProtocolViolation) }
