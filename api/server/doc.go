// Package server answers the HTTP API of beckond: it turns requests into calls
// of a Node, and what the Node says into the JSON objects of package api. It
// is the only package that knows the HTTP framework, and the only place where
// errors become HTTP statuses (problem.go).
//
// A request passes the front (front.go: who may ask, what is well-formed),
// then one operation (node.go, invitations.go, peers.go, events.go).
//
// The package must not know libp2p, the journal's file, or how the socket is
// opened, and it decides nothing about invitations.
package server
