package main

import (
	"testing"
	"time"
)

// A daemon that stops early does not wait for what would have come later.
func TestAfterStartStopped(t *testing.T) {
	begun := time.Now()
	afterStart()()
	if took := time.Since(begun); took > started/2 {
		t.Errorf("the stop took %v", took)
	}
}
