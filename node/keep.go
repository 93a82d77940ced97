package node

import (
	"net"
	"strconv"
	"time"
)

const (
	reconnectEvery = 5 * time.Second // after the network could not be used
	tidyEvery      = time.Hour
)

// keepUplink follows the wish to be online.
func (n *Node) keepUplink() {
	retry := time.NewTimer(0)
	retry.Stop()
	defer retry.Stop()
	for {
		select {
		case <-n.quit:
			return
		case <-n.wish:
		case <-retry.C:
		}
		up := n.uplink.Load()
		switch online := n.sb.wish.Load(); {
		case online && up == nil:
			if err := n.connect(); err != nil {
				log.Errorw("cannot go online; trying again", "err", err)
				retry.Reset(reconnectEvery)
			}
		case online: // back before it had left: what was stopped goes on
			n.sb.post(func(t *turn) { t.attach(up) })
		case up != nil:
			n.leave(up)
			retry.Reset(0) // the wish may have changed meanwhile
		}
	}
}

// leave goes off the network once no bid waits any more.
func (n *Node) leave(up *uplink) {
	for waited := (*chan struct{})(nil); waited != n.drain.Load(); { // there was a logout, or a later one
		waited = n.drain.Load()
		select {
		case <-*waited:
		case <-n.quit:
			return
		}
	}
	if n.sb.wish.Load() { // logged in again while a bid waited
		n.sb.post(func(t *turn) { t.attach(up) })
		return
	}
	n.uplink.Store(nil)
	n.sb.post(func(t *turn) { t.detach() })
	if err := up.Close(); err != nil {
		log.Warnw("leaving the network", "err", err)
	}
}

// tidy prunes the journal now and then, and when there is much to prune.
func (n *Node) tidy() {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		if err := n.journal.Prune(time.Now()); err != nil {
			log.Warnw("pruning the journal", "err", err)
		}
		select {
		case <-n.quit:
			return
		case <-tick.C:
		case <-n.sb.untidy:
		}
	}
}

// portFree reports whether a port is free for TCP and UDP.
func portFree(port int) bool {
	l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return false
	}
	defer l.Close()
	u, err := net.ListenPacket("udp", ":"+strconv.Itoa(port))
	if err != nil {
		return false
	}
	u.Close()
	return true
}

// watch adds the gauges that are read from the node.
func (n *Node) watch() {
	n.metrics.watch("beckon_connected_peers", "Peers connected now.", func() float64 {
		if u := n.uplink.Load(); u != nil {
			return float64(len(u.host.Network().Peers()))
		}
		return 0
	})
	n.metrics.watch("beckon_online", "1 while the node is on its network.", func() float64 {
		if n.sb.fact() == StateOnline {
			return 1
		}
		return 0
	})
}
