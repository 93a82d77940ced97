// Package node is the device: its identity, its host on the network, its
// journal, and the switchboard, the one goroutine that owns every live
// invitation. It must not know HTTP, the command line or how apps see things.
package node
