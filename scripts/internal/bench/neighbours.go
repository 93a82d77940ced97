package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/beckon-p2p/beckon/discovery/dht"
)

// roleNeighbours is the process with the peers of an idle daemon.
const roleNeighbours = "neighbours"

// neighbours is how many peers an idle daemon is connected to.
const neighbours = 30

// runNeighbours is a process with peers of one private DHT, each at an IP
// address. It prints an address of one of them. To each peer whose address it
// then reads, all of them connect, and it prints the number of connections once
// all stand. It lives until its standard input ends.
func runNeighbours(ips []string, stdin io.Reader, stdout io.Writer) error {
	var all []host.Host
	var first []peer.AddrInfo
	for _, ip := range ips {
		h, err := rawHost("/ip4/" + ip + "/udp/0/quic-v1")
		if err != nil {
			return err
		}
		defer h.Close()
		d, err := dht.New(dht.Config{Host: h, Network: benchNetwork, Bootstrap: first})
		if err != nil {
			return err
		}
		if err := d.Start(); err != nil {
			return err
		}
		defer d.Close()
		all, first = append(all, h), []peer.AddrInfo{{ID: h.ID(), Addrs: h.Addrs()}}
	}
	fmt.Fprintf(stdout, "%s/p2p/%s\n", all[0].Addrs()[0], all[0].ID())
	for lines := bufio.NewScanner(stdin); lines.Scan(); {
		to, err := peer.AddrInfoFromString(lines.Text())
		if err != nil {
			return err
		}
		for _, h := range all {
			if err := meet(h, *to); err != nil {
				return err
			}
		}
		fmt.Fprintln(stdout, only(all, to.ID))
	}
	return nil
}

// meet connects a host to a peer for good.
func meet(h host.Host, to peer.AddrInfo) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	h.ConnManager().Protect(to.ID, "bench")
	return h.Connect(network.WithForceDirectDial(ctx, "bench"), to)
}

// only closes all connections to a peer but one of each host, as two come about
// where both sides dial, and returns how many stand then.
func only(all []host.Host, to peer.ID) (stand int) {
	time.Sleep(time.Second) // for those that are about to come
	for _, h := range all {
		for i, c := range h.Network().ConnsToPeer(to) {
			if i > 0 {
				c.Close()
				continue
			}
			stand++
		}
	}
	return stand
}
