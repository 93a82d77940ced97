package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

const (
	linkScheme    = "beckon:"
	linkAddresses = 4 // that an invite link carries: a QR code must stay readable
	base58        = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	base32        = "abcdefghijklmnopqrstuvwxyz234567"
)

// parseWho returns the peer ID that WHO means, itself or that of an invite
// link, and the addresses of the link. Only the form of the ID is looked at; the
// daemon decodes it, and it reads the addresses.
func parseWho(who string) (id string, addresses []string, err error) {
	id = who
	if rest, ok := strings.CutPrefix(who, linkScheme); ok {
		var query string
		id, query, _ = strings.Cut(rest, "?")
		more, err := url.ParseQuery(query) // what else a newer link says is not looked at
		if err != nil {
			return "", nil, usagef("copy the whole link that beckon id prints on the other device", "%q is not an invite link", who)
		}
		addresses = more["addr"]
	}
	if !peerForm(id) {
		return "", nil, usagef("a peer ID is what beckon id prints on the other device, like 12D3KooW…", "%q is not a peer ID", who)
	}
	return id, addresses, nil
}

func peerForm(id string) bool {
	made := func(of string) bool { return strings.Trim(id, of) == "" }
	switch {
	case strings.HasPrefix(id, "12D3KooW"): // Ed25519
		return len(id) == 52 && made(base58)
	case strings.HasPrefix(id, "Qm"): // a hash of the key
		return len(id) == 46 && made(base58)
	case strings.HasPrefix(id, "16Uiu2HA"): // secp256k1
		return len(id) == 53 && made(base58)
	case strings.HasPrefix(id, "baf"): // any of them as a CID
		return len(id) > 50 && len(id) < 80 && made(base32)
	}
	return false
}

// inviteLink is a peer ID with up to four of its addresses, the best known
// elsewhere first.
func inviteLink(node api.Node) string {
	var addresses []string
	for _, local := range []bool{false, true} {
		for _, a := range node.Addresses {
			if loopback(a) == local && len(addresses) < linkAddresses && (!local || len(addresses) == 0) {
				addresses = append(addresses, strings.TrimSuffix(a, "/p2p/"+node.PeerID))
			}
		}
	}
	link := linkScheme + node.PeerID
	for i, a := range addresses {
		separator := "&"
		if i == 0 {
			separator = "?"
		}
		link += separator + "addr=" + strings.ReplaceAll(url.QueryEscape(a), "%2F", "/")
	}
	return link
}

func loopback(multiaddr string) bool {
	return strings.HasPrefix(multiaddr, "/ip4/127.") || strings.HasPrefix(multiaddr, "/ip6/::1/")
}

// findInvitation returns the id that begins with prefix, if just one does.
func (p *program) findInvitation(ctx context.Context, prefix string) (string, error) {
	prefix = strings.ToLower(prefix)
	if prefix == "" || len(prefix) > 36 || strings.Trim(prefix, "0123456789abcdef-") != "" {
		return "", usagef("beckon ls lists the invitations", "%q is not an invitation id or the beginning of one", prefix)
	}
	if len(prefix) == 36 {
		return prefix, nil
	}
	ctx, cancel := quick(ctx)
	defer cancel()
	found := ""
	for inv, err := range p.client.All(ctx, client.ListOptions{Limit: api.MaxLimit}) {
		switch {
		case err != nil:
			return "", err
		case !strings.HasPrefix(inv.ID, prefix) || inv.ID == found:
		case found != "":
			return "", &usageError{
				code: codeAmbiguous,
				text: fmt.Sprintf("more than one invitation begins with %s: %s and %s", prefix, found, inv.ID),
				hint: "write more of the id",
			}
		default:
			found = inv.ID
		}
	}
	if found == "" {
		return "", &api.Problem{
			Code: api.CodeNotFound, Title: "not found", Status: 404,
			Detail: "no invitation begins with " + prefix,
		}
	}
	return found, nil
}
