// Package stream carries the frames of invitations between two daemons.
//
// A session is one libp2p stream of protocol.StreamID. It carries the messages
// of all invitations between its two peers, in both directions. The package
// opens and accepts sessions, cuts bytes into frames and back, answers beats,
// notices when a peer has gone silent, and decides which of several sessions
// with one peer is the one to write on.
//
//	Session.Send -> queue -> writer -> stream ~~> stream -> reader -> Receiver.Frame
//
// Each session has three goroutines: the reader, which also calls the
// Receiver; the writer; and the keeper, which watches the clocks and tears the
// session down. Neither a full stream nor a busy Receiver can hold up Send.
//
// The package looks into no invitation: it does not know who calls whom, what
// may be said when, or what is owed. It dials nobody, keeps nothing on disk,
// and never repeats a message: what was written may be lost with the session.
package stream
