// Package devices runs real devices for tests: built beckond binaries as
// processes with temporary directories on loopback, apps on their sockets, and
// what can happen to a process: kill -9, a freeze, a restart. It must not know
// anything that an outsider could not know.
package devices
