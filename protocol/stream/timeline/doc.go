// Package timeline carries the steps of an invitation from one of its parties
// to the other: one libp2p stream of protocol.ExplainID, one request, one
// answer.
//
// It bounds sizes, times and how often a peer may ask. Whom to answer, and
// what, is the node's affair; the package must not know what a step means, keeps
// nothing, and dials nobody.
package timeline
