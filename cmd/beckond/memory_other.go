//go:build !linux

package main

// leaveFile is for Linux only.
func leaveFile() {}
