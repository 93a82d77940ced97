// Package mdns is the discovery source of the local network: peers tell each
// other their addresses by multicast DNS, without any server.
//
// It only remembers what it hears; who is dialed is decided elsewhere. A
// network without multicast is no error: nothing is found there.
//
// The package knows nothing of invitations or of the node's other sources.
package mdns
