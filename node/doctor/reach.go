package doctor

import (
	"fmt"
	"time"
)

// ReachFacts are whether others can dial this peer, as they say.
type ReachFacts struct {
	Verdict   string   // public, private or unknown
	Forced    bool     // the user has said so
	Confirmed []string // addresses at which others reached it
	Refuted   []string // addresses at which they did not
	Relays    int      // at which a place is held
}

// Reachable judges whether others can dial this peer directly.
func Reachable(f ReachFacts) Verdict {
	forced := ""
	if f.Forced {
		forced = ", by --reachability"
	}
	switch f.Verdict {
	case "public":
		text := "public" + forced + ": others connect directly"
		if len(f.Confirmed) > 0 {
			text += ", confirmed at " + list(f.Confirmed)
		}
		if len(f.Refuted) > 0 {
			return warn(text+"; not at "+list(f.Refuted), "open these ports in the firewall, or do not listen there (--listen)")
		}
		return ok("%s", text)
	case "private":
		text := "private" + forced + ": behind a NAT or a firewall, others cannot connect to it by themselves"
		if len(f.Refuted) > 0 {
			text += "; tried in vain at " + list(f.Refuted)
		}
		if f.Relays > 0 {
			return ok("%s; they come through %s", text, count(f.Relays, "relay"))
		}
		return warn(text, "forward the port that beckond listens on, UDP and TCP, or turn UPnP on in the router; without it a relay is needed")
	}
	return ok("not found out: no public peer has looked yet, or this is a network of its own")
}

// RelayFacts are the places that are held at relays.
type RelayFacts struct {
	Verdict string // public, private or unknown
	Held    int
	Off     bool          // --relay none
	Chosen  int           // relays given with --relay
	For     time.Duration // since the daemon started
}

// Relay judges whether those who cannot connect directly have a way.
func Relay(f RelayFacts) Verdict {
	switch {
	case f.Held > 0:
		return ok("a place at %s", count(f.Held, "relay"))
	case f.Verdict != "private":
		return ok("none needed")
	case f.Off:
		return warn("off (--relay none), and others cannot connect directly", "leave --relay none out, or forward a port")
	case f.For <= JoinTime:
		return warn("none yet, and others cannot connect directly", "wait a moment: relays are being asked")
	case f.Chosen > 0:
		return fail(fmt.Sprintf("none of the %s of --relay gives a place", count(f.Chosen, "relay")),
			"see that they run and are reachable, or leave --relay out so that others are found")
	}
	return fail("no place at a relay, and others cannot connect directly: only peers on the local network can ring this one",
		"name a peer with a public address by --bootstrap or --relay, or forward a port")
}

// NATFacts are how the NAT names this peer to others, by transport: "" not
// known, cone (the same for all) or symmetric (another for each).
type NATFacts struct {
	Verdict  string
	UDP, TCP string
}

// The kinds of NATs.
const (
	NATCone      = "cone"
	NATSymmetric = "symmetric"
)

// NAT judges whether holes can be punched.
func NAT(f NATFacts) Verdict {
	switch {
	case f.Verdict == "public":
		return ok("none in the way")
	case f.UDP == NATSymmetric, f.UDP == "" && f.TCP == NATSymmetric:
		return warn("symmetric: it names this peer differently to each other peer. No direct connection to peers behind such NATs; those calls go through a relay",
			"forward a port in the router, or turn UPnP on there; a carrier's NAT cannot be helped, but IPv6 goes round it")
	case f.UDP == NATCone, f.TCP == NATCone:
		return ok("one that lets direct connections be made from both sides at once")
	}
	return ok("not known: too few public peers were met to compare")
}

// UDPFacts are the connections this peer has made to public peers.
type UDPFacts struct {
	QUIC    int // connections by QUIC
	TCP     int // connections by TCP
	Offered int // of those by TCP, peers that give out QUIC addresses, too
	Listens bool
}

// fewTCP connections by TCP are chance; UDP wins the race where it works.
const fewTCP = 2

// UDP judges whether this machine's network lets UDP out.
func UDP(f UDPFacts) Verdict {
	switch {
	case !f.Listens:
		return ok("not used: beckond listens on no QUIC address")
	case f.QUIC > 0:
		return ok("works: %s to public peers by QUIC", count(f.QUIC, "connection"))
	case f.TCP >= fewTCP && f.Offered == f.TCP:
		return warn(fmt.Sprintf("seems blocked: all of %s to public peers are by TCP though these give out QUIC addresses", count(f.TCP, "connection")),
			"allow outgoing UDP in the firewall; without it connecting takes longer and NATs are crossed less often")
	}
	return ok("not known: too few connections to public peers")
}
