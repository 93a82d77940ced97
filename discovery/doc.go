// Package discovery answers one question: where is this peer? It turns a peer
// ID into candidates, addresses that are worth a dial.
//
// A Finder asks all its sources at once and yields what they say as they say
// it; the caller dials, and stops when a dial succeeds. Two sources live here:
// Connected knows the connections that are open, Cache remembers on disk which
// addresses worked last. Those that need a protocol are packages of their own:
// dht (a private Kademlia), mdns (the local network) and static (the peers
// that the configuration names).
//
// The package knows nothing of invitations, of the node or of apps. It dials
// nobody by itself, except that package dht dials in order to join and to ask.
// No address is believed: it is the dial that proves who is there.
package discovery
