// Command events shows that no event is lost: it reads the stream of a real
// daemon through torn connections, kill -9 and orderly stops, byte for byte and
// with the Go client, and compares what came with the log. And it measures what a
// reader that stalls costs the others. scripts/events builds and runs it.
//
// The package must not know how the daemon works inside.
package main
