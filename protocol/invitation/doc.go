// Package invitation says what may happen: the life cycles of the two forms of
// an invitation, as state machines without I/O.
//
// A Machine holds one form. The driver steps it with an input and obeys the
// Out in its order:
//
//	out, err := m.Step(env, input)
//	if out.Persist {                 // 1. journal the form and the events,
//		journal.Commit(m.Form(), out.Emit) //    in one transaction
//	}
//	session.Send(out.Send)           // 2. only then tell the other daemon
//	events.Wake()                    // 3. and the local apps
//	timer.Reset(out.Wake)            // 4. come back with a Wake input
//
// Where both sides call each other at once, what happens to one form concerns
// another. A driver that holds all machines of a peer therefore steps them
// through a Desk, which has it obey several Outs as one transaction.
//
// The package must not know a clock, a goroutine, chance, a log, the network
// or the disk: the time is an argument, and what is to be done is a value. A
// test reads its sources and enforces it.
package invitation
