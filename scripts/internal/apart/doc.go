// Package apart keeps daemons apart: each on a machine of its own, a Linux
// network namespace that has nothing but a loopback, and between two machines a
// relay in this process that can drop, delay and cut.
//
// There is no way round the relay. On either machine it stands at the very
// address that the daemon of the other one has there, 127.0.0.1 and its port: the
// addresses that two daemons tell each other lead to the relay by themselves.
//
// The package must not know what the daemons say.
package apart
