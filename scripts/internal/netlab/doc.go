// Package netlab is an internet in a laboratory: public hosts, and homes behind
// routers of several kinds, each a network namespace, on cables with delay and
// loss; and built beckond binaries that run there and ring each other.
//
// Hosts have public addresses of a /16 each (IPv6: /32), because libp2p drops
// the addresses that are set aside for documentation and a DHT takes few nodes
// of one network. All homes are 192.168.1.0/24 inside, as in life. Routers drop
// what nobody asked for: an answer of their own would spoil hole punching.
//
// Everything belongs to the process: namespaces, links and daemons have no
// name that another run could meet, and end with the process however it ends.
//
// The package must not know how the daemons work inside: it uses what is built
// and what apps can see.
package netlab
