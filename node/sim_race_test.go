//go:build race

package node

// raceDetector slows the journal's SQLite down so much that the simulation runs
// in a binary without it.
const raceDetector = true
