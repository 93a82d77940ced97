package protocol

import "time"

// Instant is a reading of a clock that also counts while the machine sleeps
// and that nobody can set (CLOCK_BOOTTIME on Linux), in nanoseconds. It means
// something only within one boot of one machine and never goes on the wire.
// The zero Instant stands for "no such moment".
type Instant int64

// Add returns the instant d later.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d) }

// Sub returns the time from other to i.
func (i Instant) Sub(other Instant) time.Duration { return time.Duration(i - other) }
