package node

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/beckon-p2p/beckon/discovery"
	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// Node is one peer: one data directory, one key, one journal.
type Node struct {
	settings settings
	lock     *flock.Flock
	key      crypto.PrivKey
	self     protocol.PeerID
	instance string
	started  time.Time
	begun    invitation.Stamp // started, on all clocks
	doctors  *doctors
	journal  *journal.Journal
	metrics  *metrics
	sb       *switchboard
	uplink   atomic.Pointer[uplink] // nil: not on the network
	links    discovery.Links        // addresses that apps gave along with an ID

	wish  chan struct{}                 // has room for one: the wish to be online has changed
	drain atomic.Pointer[chan struct{}] // closed once no bid waits after the latest logout
	quit  chan struct{}
	owned sync.WaitGroup
	stop  sync.Once
}

// New takes the data directory: it is locked, the key and the journal are
// opened or made. Nothing goes on the network before Start.
func New(cfg Config) (n *Node, err error) {
	s, err := cfg.check()
	if err != nil {
		return nil, err
	}
	n = &Node{
		settings: s, instance: protocol.NewID().String(), started: time.Now(), metrics: newMetrics(),
		wish: make(chan struct{}, 1), quit: make(chan struct{}),
		begun: s.Clock.Stamp(), doctors: newDoctors(),
	}
	lock, err := lockDir(s.DataDir)
	if err != nil {
		return nil, err
	}
	n.lock = lock
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Unlock()) // n is nil by now
		}
	}()
	if n.key, err = loadKey(s.DataDir); err != nil {
		return nil, err
	}
	id, err := peer.IDFromPrivateKey(n.key)
	if err != nil {
		return nil, err
	}
	n.self = peerKey(id)
	if n.journal, err = journal.Open(journal.Config{Path: filepath.Join(s.DataDir, journalFile), Stamp: s.Clock.Stamp}); err != nil {
		return nil, err
	}
	n.sb = newSwitchboard(n.self, s.Clock, n.journal, n.metrics)
	n.sb.notices.keep = max(s.KeepMissed, 0)
	return n, nil
}

// Start recovers what an earlier process left and goes on the network, unless
// the node was logged out. Joining the DHT goes on in the background.
func (n *Node) Start() error {
	online, err := n.takeUp()
	if err != nil {
		return err
	}
	n.sb.start()
	if online {
		if err := n.connect(); err != nil {
			return err
		}
	}
	n.owned.Go(n.keepUplink)
	n.owned.Go(n.tidy)
	n.watch()
	return nil
}

// takeUp recovers what an earlier process left and has the first turn go on with
// it. It returns the wish to be online.
func (n *Node) takeUp() (online bool, err error) {
	wish, _, err := n.journal.Setting(settingOnline)
	if err != nil {
		return false, err
	}
	online = wish != "no"
	n.sb.online = online
	n.sb.wish.Store(online)
	if err := n.sb.recover(); err != nil {
		return online, err
	}
	n.sb.post(func(t *turn) { t.resume() })
	return online, nil
}

// connect goes on the network.
func (n *Node) connect() error {
	port, err := n.port()
	if err != nil {
		return err
	}
	u, err := newUplink(n, port)
	if err != nil {
		return err
	}
	n.uplink.Store(u)
	n.sb.post(func(t *turn) { t.attach(u) })
	return nil
}

// port returns the kept port, chosen at the first start; another one if that
// is taken now.
func (n *Node) port() (int, error) {
	if len(n.settings.listen) > 0 {
		return 0, nil
	}
	kept, _, err := n.journal.Setting(settingPort)
	if err != nil {
		return 0, err
	}
	if port, err := strconv.Atoi(kept); err == nil && portFree(port) {
		return port, nil
	}
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	_, err = ask(context.Background(), n.sb, func(t *turn) (struct{}, error) {
		t.batch.Setting(settingPort, strconv.Itoa(port))
		return struct{}{}, nil
	})
	return port, err
}

// SetOnline logs in or out. The answer comes at once; joining and leaving go
// on behind it.
func (n *Node) SetOnline(ctx context.Context, online bool) (Info, error) {
	_, err := ask(ctx, n.sb, func(t *turn) (struct{}, error) {
		if t.sb.online == online {
			return struct{}{}, nil
		}
		if online {
			t.logIn()
		} else {
			drained := make(chan struct{})
			n.drain.Store(&drained) // before the wish can be read
			t.logOut(func() { close(drained) })
		}
		t.after = append(t.after, func(err error) {
			if err != nil {
				return
			}
			select {
			case n.wish <- struct{}{}:
			default:
			}
		})
		return struct{}{}, nil
	})
	if err != nil {
		return Info{}, err
	}
	return n.Info(ctx)
}

// Metrics serves the node's figures as Prometheus text.
func (n *Node) Metrics() http.Handler {
	return promhttp.HandlerFor(n.metrics.registry, promhttp.HandlerOpts{})
}

// Stop ends the node's work in order: streams end with ErrStopping, verbs with
// shutting_down. Nothing is said to any peer: what is live goes on at the next
// start. The journal can still be read.
func (n *Node) Stop() {
	n.stop.Do(func() {
		close(n.quit)
		n.owned.Wait()
		n.doctors.close()
		if n.sb.started {
			n.sb.stop()
		}
		if u := n.uplink.Load(); u != nil {
			if err := u.Close(); err != nil {
				log.Warnw("leaving the network", "err", err)
			}
		}
	})
}

// Close stops the node and gives the data directory back.
func (n *Node) Close() error {
	n.Stop()
	return errors.Join(n.journal.Close(), n.lock.Unlock())
}
