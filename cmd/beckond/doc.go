// Command beckond is the daemon: one peer, which rings and is rung, and serves
// the apps of its user on a Unix socket.
//
// This package reads the settings, puts the parts together and waits for a
// signal. It must not know what an invitation is.
package main
