// Package reachability keeps a peer within reach of others: it judges from
// what AutoNAT and the connections tell whether others can dial the peer, holds
// places at relays while they cannot, gives out the addresses that are true
// now, and notices when the network changes under it.
//
// It knows libp2p and nothing of invitations, of the journal or of how other
// peers are found: whom to ask for a place comes from its Config.
package reachability
