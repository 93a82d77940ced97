package doctor

import (
	"fmt"
	"time"
)

// OnlineFacts are the wish and the fact.
type OnlineFacts struct {
	Wish  bool
	State string        // offline, joining or online
	For   time.Duration // since the daemon started
	Lost  bool          // nothing stands on the network though it should
}

// JoinTime is how long joining a network may take before it is a trouble.
const JoinTime = 30 * time.Second

// Online judges whether the peer is on its network.
func Online(f OnlineFacts) Verdict {
	switch {
	case !f.Wish:
		return warn("logged out: this peer can neither ring nor be rung, and its network is not looked at", "run: beckon online")
	case f.Lost, f.State == "offline":
		return fail("logged in, but not on the network", "look at what beckond logs, then start it again")
	case f.State == "joining" && f.For > JoinTime:
		return fail("logged in, but no peer of its network was found in "+f.For.Round(time.Second).String(),
			"check the connection to the Internet, --network, and the --bootstrap addresses")
	case f.State == "joining":
		return ok("logged in, joining the network")
	}
	return ok("logged in, on the network")
}

// AddressFacts are what the peer listens on.
type AddressFacts struct {
	Listen   int // addresses
	Loopback int // of them, those that only this machine can reach
	QUIC     bool
	TCP      bool
}

// Addresses judges whether another machine could connect at all.
func Addresses(f AddressFacts) Verdict {
	switch {
	case f.Listen == 0:
		return fail("listens on no address", "connect this machine to a network, or check --listen")
	case f.Loopback == f.Listen:
		return warn("listens on loopback only: nobody but this machine can connect", "connect this machine to a network, or check --listen")
	case !f.QUIC:
		return warn("listens on TCP only: connecting takes longer, and fewer NATs can be crossed", "add a --listen address that ends in /quic-v1")
	case !f.TCP:
		return warn("listens on QUIC only: peers on networks that block UDP cannot connect", "add a --listen address with /tcp/")
	}
	return ok("listens on %s beyond this machine, QUIC and TCP", addresses(f.Listen-f.Loopback))
}

func addresses(n int) string {
	if n == 1 {
		return "1 address"
	}
	return fmt.Sprintf("%d addresses", n)
}

// MDNSFacts are how the peer is found on the local network.
type MDNSFacts struct {
	Off     bool // --mdns=false
	Running bool
	Why     string // why not
	Heard   int    // peers
	DHT     bool   // there is another way to find peers
}

// MDNS judges whether the local network is searched.
func MDNS(f MDNSFacts) Verdict {
	switch {
	case f.Off && !f.DHT:
		return warn("off, and --network lan has no DHT: only peers met before can be found", "leave --mdns=false out, or use another --network")
	case f.Off:
		return ok("off (--mdns=false)")
	case !f.Running:
		return warn("does not run: peers on the local network cannot be found; "+orUnknown(f.Why),
			"see that an interface with multicast is up and that a firewall lets UDP port 5353 through")
	}
	return ok("runs, %s heard on the local network", count(f.Heard, "peer"))
}

func orUnknown(why string) string {
	if why == "" {
		return "the network may have changed just now"
	}
	return why
}

// DHTFacts are how the peer takes part in the DHT.
type DHTFacts struct {
	Mode      string        // server, client or off
	Table     int           // peers in the routing table
	Public    bool          // the network that everybody shares
	Bootstrap bool          // there are peers to join by
	For       time.Duration // since the daemon started
}

// FewPeers is how many peers a routing table of the public network must have:
// with fewer the loss of one or two cuts this peer off.
const FewPeers = 3

// DHT judges the routing table.
func DHT(f DHTFacts) Verdict {
	state := fmt.Sprintf("%s, %s in the routing table", f.Mode, count(f.Table, "peer"))
	switch {
	case f.Mode == "off" || f.Mode == "":
		return ok("off: peers are found on the local network and where they were met before")
	case f.Table == 0 && (f.Public || f.Bootstrap) && f.For <= JoinTime:
		return warn(state, "wait a moment: this peer is joining the network")
	case f.Table == 0 && (f.Public || f.Bootstrap):
		return fail(state, "check the connection to the Internet and the --bootstrap addresses")
	case f.Table == 0:
		return warn(state+": nobody else is on this network yet", "give the other peers this one's address with --bootstrap (beckon id --json lists it), or this one theirs")
	case f.Public && f.Table < FewPeers:
		return warn(state, "it should fill within a minute; if it does not, check the connection to the Internet")
	}
	return ok("%s", state)
}

// FoundFacts are what other peers said when they were asked for this one.
type FoundFacts struct {
	DHT   bool // there is a DHT
	Asked int  // peers that answered
	Knew  int  // of them, those that name an address of this peer
	Table int  // peers that could be asked
	MDNS  bool // announced on the local network
}

// Found judges whether others find this peer.
func Found(f FoundFacts) Verdict {
	switch {
	case !f.DHT && f.MDNS:
		return ok("announced on the local network by mDNS; there is no DHT to be found in")
	case !f.DHT:
		return warn("found by nobody who has not met it before: no DHT, no mDNS", "turn mDNS on, or use a --network with a DHT")
	case f.Asked == 0 && f.Table == 0:
		return warn("there is nobody to ask whether others find this peer", "see the check dht")
	case f.Asked == 0:
		return warn("none of the peers asked has answered", "try again; if it stays so, check the connection to the Internet")
	case f.Knew == 0:
		return fail(fmt.Sprintf("%s asked, none knows an address of this one", count(f.Asked, "peer")),
			"restart beckond; see the checks addresses and reachable")
	}
	return ok("%s asked, %d can tell where this one is", count(f.Asked, "peer"), f.Knew)
}
