// Package journal keeps what must survive: invitations, the event log,
// idempotency keys and tombstones, in one SQLite file. It has one writer, the
// switchboard; readers take snapshots beside it. It must not know the network,
// the socket or what any state means.
package journal
