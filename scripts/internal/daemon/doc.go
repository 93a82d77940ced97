// Package daemon runs built beckond processes for the programs in scripts: on
// loopback, each with its own directory and socket, ended and cleared away by
// whoever started it.
//
// The package must not know what the daemons are used for.
package daemon
