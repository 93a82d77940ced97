//go:build race

package dht

// raceEnabled: the race detector's own runtime has crashed under some thirty
// virtual hosts. With it the virtual networks are small; without it, big.
const raceEnabled = true
