// Package protocol is what two beckon daemons say to each other: the messages
// of an invitation, their form on the wire, their limits and their errors.
// SPEC.md beside this file is the specification.
//
// The caller's daemon sends Invite and repeats it until the callee's daemon
// answers for the state it is in:
//
//	caller                         callee
//	  | Invite ------------------->  |  held: the daemon has it
//	  |  <----------------- Delivered|
//	  |                              |  an app was handed it: it rings
//	  |  <------------------ Received|
//	  |                              |  the user accepts: a bid
//	  |  <-------------------- Accept|
//	  | Confirm ------------------>  |  the caller decided: accepted
//	  |  <------------ Done(accepted)|
//
// The caller is the only arbiter: what its machine decides first stands.
// What may be said when is decided in protocol/invitation, a state machine
// without I/O; how frames travel is decided in protocol/stream.
//
// The package knows no network, no clock, no disk and no libp2p: peer IDs are
// opaque strings here. It imports the standard library and protobuf only.
package protocol
