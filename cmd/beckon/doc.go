// Command beckon is the command line of beckon: it invites, answers, lists and
// looks, by talking to beckond over its Unix socket.
//
// Each command has its file; args.go puts the flags in front, output.go writes
// what people and programs read, exit.go holds the exit codes.
//
// The command must not know libp2p, the network or the data directory's
// contents: whatever it tells it has from the socket.
package main
