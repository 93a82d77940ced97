// Command bench measures beckon beside raw libp2p on loopback, in one run and in
// turns, so that the machine's noise meets both alike. scripts/bench builds and
// runs it.
//
// Every party is a process of its own: the daemons, the raw server and the raw
// client, and this program, which is the apps of both sides at once and thereby
// has one clock for what leaves the one and arrives at the other.
//
// The package must not know how the daemons work inside: it uses what is built
// and what apps can see.
package main
