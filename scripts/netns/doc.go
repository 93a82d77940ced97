// Package netns gives tests a network of their own: the test binary runs again
// in a fresh Linux network namespace, where two machines share a LAN that
// nobody else is on, with multicast, IPv4 and IPv6 and no way out.
//
// The near machine, 10.77.0.1 and fd77::1, is where the binary runs; the far
// one is 10.77.0.2 and fd77::2. Root is not needed where the system lets users
// make namespaces; where it does not, tests skip and say why.
//
// A laboratory that needs more machines makes a Space for each, with links,
// addresses and routes as it likes.
//
// The package must not know what is tested in such a network. It is not
// internal because tests of the whole tree use it; nothing but tests and the
// programs in scripts may.
package netns
