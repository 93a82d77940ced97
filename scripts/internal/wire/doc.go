// Package wire is the cables of a network in a laboratory: it carries packets
// between devices, each end with a delay, jitter, loss, a rate and a cut of its
// own. An Internet carries IP packets by their destination, a LAN carries
// Ethernet frames to whom they are for or to all.
//
// On the Internet nobody has neighbours, by design: the kernel's table of
// neighbours is shared by all namespaces of a machine and holds 1024, which
// some thirty hosts on one segment overflow.
//
// The package must not know what makes the devices or what the packets say.
package wire
