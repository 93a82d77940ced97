package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
	"github.com/beckon-p2p/beckon/scripts/internal/apart"
)

// damage is a fault of a disk or a limit, and what came of it.
type damage struct{ fault, found string }

// damages tries what a kill and a network do not.
func (l *lab) damages(ctx context.Context) error {
	for _, d := range []struct {
		name  string
		disks bool // needs a disk of its own
		try   func(context.Context, *couple) (string, error)
	}{
		{"full disk", true, fullDisk},
		{"read-only directory", true, readOnly},
		{"files may not grow (RLIMIT_FSIZE)", false, fileSize},
		{"truncated or foreign journal", false, foreign},
		{"descriptors used up (RLIMIT_NOFILE)", false, fewFiles},
	} {
		found := ""
		if d.disks && l.noNetwork != nil {
			found = "not tried: " + l.noNetwork.Error()
		} else if c, err := l.newCouple(ctx, len(l.disks)); err != nil {
			return err
		} else if found, err = d.try(ctx, c); err != nil {
			c.close()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			l.violation("%s: %v", d.name, err)
			found = "see below"
		} else {
			c.close()
		}
		l.mu.Lock()
		l.disks = append(l.disks, damage{d.name, found})
		l.mu.Unlock()
	}
	return nil
}

// couple is two devices on one machine, with apps. The first one suffers.
type couple struct {
	lab          *lab
	victim, peer *device
	machine      *apart.Machine
	stop         context.CancelFunc
	app          *recorder    // the victim's
	off          func() error // takes its disk away; nil: it has none
	acked        map[string]string
}

func (l *lab) newCouple(ctx context.Context, n int) (*couple, error) {
	c := &couple{lab: l, acked: map[string]string{}}
	readers, stop := context.WithCancel(ctx)
	c.stop = stop
	ports, err := l.ports()
	if err == nil && l.noNetwork == nil {
		c.machine, err = apart.NewMachine()
	}
	if err != nil {
		stop()
		return nil, err
	}
	p := &pair{lab: l}
	for i, name := range []string{"victim", "peer"} {
		p.devices[i] = newDevice(l.Place, fmt.Sprintf("%s%d", name, n), c.machine, fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", ports[i]))
	}
	c.victim, c.peer = p.devices[0], p.devices[1]
	c.victim.cfg.Data = l.Dir + "/" + c.victim.name
	if err := os.Mkdir(c.victim.cfg.Data, 0o700); err != nil {
		stop()
		return nil, err
	}
	c.app = newRecorder(c.victim.Socket(), "call")
	if n < 2 && l.noNetwork == nil {
		if c.off, err = apart.Disk(c.victim.cfg.Data, diskSize); err != nil {
			c.close()
			return nil, err
		}
	}
	if err := p.meet(readers); err != nil {
		c.close()
		return nil, err
	}
	c.app.follow(readers)
	peerApp := newRecorder(c.peer.Socket(), "call")
	peerApp.follow(readers)
	return c, nil
}

// diskSize has room for a journal and some hundred invitations.
const diskSize = 6 << 20

func (c *couple) close() {
	c.stop()
	for _, d := range []*device{c.victim, c.peer} {
		d.close()
		d.record.stopped.Wait()
	}
	c.app.stopped.Wait()
	if c.machine != nil {
		c.machine.Close()
	}
	if c.off != nil {
		if err := c.off(); err != nil {
			c.lab.violation("a disk could not be taken away: %v", err)
		}
	}
}

// create makes the victim create an invitation, once, and keeps in mind what was
// acknowledged.
func (c *couple) create(ctx context.Context, ticket string, size int, hold bool) (answer, error) {
	a, err := c.victim.post(ctx, api.RouteInvitations, ticket, api.CreateInvitation{
		CalleeID: c.peer.id, ChannelID: ticket, Content: strings.Repeat("x", size), Hold: hold, ReachMS: 10_000, RingMS: 10_000,
	})
	if err == nil && a.status == http.StatusCreated {
		c.acked[ticket] = a.inv.ID
	}
	return a, err
}

// fill creates until it is refused or the daemon is gone, and returns how often it
// was answered with success.
func (c *couple) fill(ctx context.Context, size int) (made int, last answer, err error) {
	for i := range 3000 {
		a, err := c.create(ctx, fmt.Sprintf("fill-%d-%d", len(c.acked), i), size, true)
		if err != nil || a.status != http.StatusCreated {
			return made, a, err
		}
		made++
	}
	return made, answer{}, errors.New("3000 invitations found room where there was to be none")
}

// remembers checks that all that was acknowledged is there, once.
func (c *couple) remembers(ctx context.Context) error {
	found := map[string]string{}
	for inv, err := range c.victim.All(ctx, client.ListOptions{Limit: 500, Kind: api.KindLocal}) {
		if err != nil {
			return err
		}
		if found[inv.ChannelID] != "" {
			return fmt.Errorf("%s is there twice", inv.ChannelID)
		}
		found[inv.ChannelID] = inv.ID
	}
	for ticket, id := range c.acked {
		if found[ticket] != id {
			return fmt.Errorf("%s was acknowledged as %s, the history has %q", ticket, id, found[ticket])
		}
	}
	return c.lab.reread(ctx, c.victim)
}

// rings lets the peer ring the victim, does something while that is under way,
// and sees the victim's accept through.
func (c *couple) rings(ctx context.Context, during func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	inv, err := c.peer.Create(ctx, api.CreateInvitation{CalleeID: c.victim.id, ReachMS: 15_000, RingMS: 10_000})
	if err != nil {
		return err
	}
	if err := during(); err != nil {
		return err
	}
	if _, ok := c.app.await(ctx, inv.ID, ofType(api.RemoteInvitationReceived)); !ok {
		return errors.New("it does not ring")
	}
	a, err := c.victim.insist(ctx, api.RouteInvitations+"/"+inv.ID+"/"+api.VerbAccept, "accept "+inv.ID, api.Accept{Response: "yes"})
	if err != nil || a.code != "" {
		return fmt.Errorf("accept was answered %q %s: %v", a.code, a.detail, err)
	}
	for _, d := range []*device{c.peer, c.victim} {
		end, ok := d.record.await(ctx, inv.ID, ending)
		if !ok || end.Type != api.LocalInvitationAccepted && end.Type != api.RemoteInvitationAccepted {
			return fmt.Errorf("%s was told %q", d.name, end.Type)
		}
	}
	return nil
}

func nothing() error { return nil }

// again starts the victim again, with or without its limits.
func (c *couple) again(ctx context.Context, through ...string) error {
	c.victim.killLocked()
	c.victim.cfg.Through = through
	return c.victim.start(ctx)
}
