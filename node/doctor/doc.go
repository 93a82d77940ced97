// Package doctor judges how well a device can ring and be rung: from facts
// that somebody else has gathered it says, check by check, whether all is well,
// what was found and what to do about it.
//
// The judgements are pure functions of their facts. The package knows no
// network, no disk, no journal and no libp2p, and nothing of invitations.
package doctor
