package main

import (
	"runtime"
	"runtime/debug"
	"time"
)

// started is how long after it is ready a daemon has nothing left to do about
// its start.
const started = 10 * time.Second

// The table of a profile takes a megabyte, and nobody can ask this program for it.
func init() { runtime.MemProfileRate = 0 }

// afterStart gives back, once and a while from now, what only the start needed:
// more than a daemon ever touches while it waits. stop waits for that, or
// prevents it.
func afterStart() (stop func()) {
	done := make(chan struct{})
	timer := time.AfterFunc(started, func() {
		defer close(done)
		debug.FreeOSMemory()
		leaveFile()
	})
	return func() {
		if !timer.Stop() {
			<-done
		}
	}
}
