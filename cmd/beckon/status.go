package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

func (p *program) statusCommand() *cli.Command {
	return &cli.Command{
		Name:   "status",
		Usage:  "show how this peer is doing, what is wrong and what to do",
		Action: p.status,
	}
}

// trouble is something that is wrong and what to do about it.
type trouble struct {
	Problem string `json:"problem"`
	Hint    string `json:"hint"`
}

func (p *program) status(c *cli.Context) error {
	ctx, cancel := quick(c.Context)
	defer cancel()
	node, err := p.client.Node(ctx)
	if err != nil {
		return err
	}
	live, err := p.client.List(ctx, client.ListOptions{State: "live", Limit: api.MaxLimit})
	if err != nil {
		return err
	}
	troubles := diagnose(node, time.Now())
	if p.json {
		printJSON(p.stdout, struct {
			api.Node
			Live     []api.Invitation `json:"live"`
			Troubles []trouble        `json:"troubles"`
		}{node, append([]api.Invitation{}, live.Invitations...), append([]trouble{}, troubles...)})
		return nil
	}
	state := p.paint(map[string]string{api.StateOnline: green, api.StateJoining: yellow}[node.State], node.State)
	if node.State == api.StateOffline {
		state = p.paint(red, node.State)
	}
	fmt.Fprintf(p.stdout, "%s on network %s\n", state, clean(node.Network))
	p.facts(
		"peer", node.PeerID,
		"daemon", fmt.Sprintf("beckond %s, up %s, socket %s", node.Version, span(time.Since(node.StartedAt.Time)), p.client.Socket()),
		"reachability", reachabilityText(node),
		"relays", relaysText(node.Relays),
		"peers", fmt.Sprintf("%d connected", node.ConnectedPeers),
		"dht", dhtText(node),
		"addresses", fmt.Sprintf("%d (beckon id --json lists them)", len(node.Addresses)),
		"live", fmt.Sprintf("%d invitations", len(live.Invitations)),
	)
	if len(live.Invitations) > 0 {
		fmt.Fprintln(p.stdout)
		p.table(live.Invitations)
	}
	for _, t := range troubles {
		fmt.Fprintf(p.stdout, "\n%s %s\n  what to do: %s\n", p.paint(yellow, "problem:"), t.Problem, t.Hint)
	}
	if len(troubles) > 0 {
		fmt.Fprintln(p.stdout, "\nbeckon doctor looks closer")
	}
	return nil
}

// joinTime is how long joining a network may take before it is a trouble.
const joinTime = 30 * time.Second

// diagnose finds what keeps others from ringing this peer.
func diagnose(node api.Node, now time.Time) []trouble {
	switch {
	case !node.Online:
		return []trouble{{"this peer is logged out: it can neither ring nor be rung", "beckon online"}}
	case node.State == api.StateOffline:
		return []trouble{{"this peer is not on its network", "look at what beckond logs, then start it again"}}
	}
	var found []trouble
	if len(node.Addresses) == 0 {
		found = append(found, trouble{"beckond listens on no address", "connect this machine to a network, or check --listen"})
	}
	switch {
	case node.State == api.StateJoining && now.Sub(node.StartedAt.Time) > joinTime:
		found = append(found, trouble{"joining the network takes long", "check the connection to the internet and beckond's --bootstrap addresses"})
	case node.State == api.StateOnline && node.DHT.Mode != "off" && node.DHT.Mode != "" && node.DHT.RoutingTable == 0 && node.ConnectedPeers == 0:
		found = append(found, trouble{"no other peer is connected: only peers on the same LAN can be found", "give beckond a --bootstrap address of a peer on this network"})
	}
	if node.Reachability == "private" && len(node.Relays) == 0 && node.State == api.StateOnline && now.Sub(node.StartedAt.Time) > joinTime {
		found = append(found, trouble{"others cannot connect to this peer, and no relay has a place for it", "forward the port that beckond listens on, or name a relay with --relay"})
	}
	return found
}

// relaysText is empty where no place is held.
func relaysText(relays []string) string {
	switch len(relays) {
	case 0:
		return ""
	case 1:
		return "a place at 1 relay"
	}
	return fmt.Sprintf("places at %d relays", len(relays))
}

func reachabilityText(node api.Node) string {
	if node.State == api.StateOffline {
		return ""
	}
	switch node.Reachability {
	case "public":
		return "public: others connect directly"
	case "private":
		return "private: behind a NAT, others cannot connect to it directly"
	case "unknown", "":
		return "unknown: not found out yet"
	}
	return node.Reachability
}

func dhtText(node api.Node) string {
	dht := node.DHT
	if node.State == api.StateOffline {
		return "" // of a network that it is not on there is nothing to say
	}
	if dht.Mode == "off" || dht.Mode == "" {
		return "off: peers are found on the LAN only"
	}
	text := fmt.Sprintf("%s, %d peers in the routing table", dht.Mode, dht.RoutingTable)
	if !dht.AnnouncedAt.IsZero() {
		text += ", announced " + span(time.Since(dht.AnnouncedAt.Time)) + " ago"
	}
	return text
}
