// Package dht is the discovery source that reaches furthest: a private
// Kademlia DHT, one for each network name, in which every peer that others can
// reach answers for the others. It stores nothing; it is asked only where
// peers are.
//
// It brings its own way of joining: many known peers are dialed at once and
// again while the routing table is empty, for the library does it one by one.
//
// The package knows nothing of invitations or of the node's other sources.
package dht
