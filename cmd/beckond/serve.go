package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	golog "github.com/ipfs/go-log/v2"
	"github.com/libp2p/go-libp2p/gologshim"

	"github.com/beckon-p2p/beckon/api/server"
	"github.com/beckon-p2p/beckon/api/socket"
	"github.com/beckon-p2p/beckon/node"
)

// stopTime is how long an orderly stop may take.
const stopTime = 5 * time.Second

// streamsTime is the part of it for streams to say goodbye.
const streamsTime = 2 * time.Second

// serve runs the daemon until a signal comes.
func serve(s settings, stdout io.Writer) (err error) {
	if err := setUpLog(s.LogLevel); err != nil {
		return usageError{err}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // a second signal ends a start that takes too long

	n, err := node.New(node.Config{
		DataDir: s.DataDir, Listen: s.Listen, Network: s.Network, Bootstrap: s.Bootstrap,
		Reachability: s.Reachability, Relays: s.Relay, NoServe: !*s.Serve, NoPortMap: !*s.PortMap,
		KeepMissed:    s.keepMissed(),
		ShareTimeline: *s.ShareTimeline,
		DHTServer:     *s.DHTServer, NoMDNS: !*s.MDNS, Version: version(),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	ln, err := socket.Listen(s.Socket)
	if err != nil {
		return err
	}
	defer ln.Close()
	if err := n.Start(); err != nil {
		return err
	}
	defer afterStart()()
	return answer(ctx, stop, n, ln, func() {
		info, _ := n.Info(ctx)
		fmt.Fprintf(stdout, "ready peer_id=%s socket=%s\n", info.PeerID, s.Socket)
	})
}

// answer serves the API until ctx ends, then stops in order: the node first, so
// that streams can say goodbye, then the socket. A second signal ends the
// process at once.
func answer(ctx context.Context, restoreSignals func(), n *node.Node, ln net.Listener, ready func()) error {
	srv := socket.Serve(ln, server.New(api{n}, server.Options{Metrics: n.Metrics()}))
	ready()
	select {
	case <-srv.Done():
		return srv.Err()
	case <-ctx.Done():
	}
	restoreSignals()
	time.AfterFunc(stopTime, func() { os.Exit(exitFailure) })
	n.Stop()
	bye, cancel := context.WithTimeout(context.Background(), streamsTime)
	defer cancel()
	return srv.Shutdown(bye)
}

// api is the node as the server wants it.
type api struct{ *node.Node }

func (a api) Subscribe(ctx context.Context, s node.Stream) (server.Subscription, error) {
	sub, err := a.Node.Subscribe(ctx, s)
	if err != nil {
		return nil, err
	}
	return sub, nil
}

// setUpLog joins libp2p's log to ours. The libraries speak of every peer that
// cannot be reached; they are heard from one level above ours.
func setUpLog(level string) error {
	levels := map[string]struct{ ours, theirs golog.LogLevel }{
		"debug": {golog.LevelDebug, golog.LevelInfo},
		"info":  {golog.LevelInfo, golog.LevelError},
		"warn":  {golog.LevelWarn, golog.LevelError},
		"error": {golog.LevelError, golog.LevelFatal},
	}
	l, ok := levels[level]
	if !ok {
		return fmt.Errorf("--log-level: use debug, info, warn or error")
	}
	cfg := golog.Config{
		Format: golog.PlaintextOutput, Stderr: true, Level: l.theirs,
		SubsystemLevels: map[string]golog.LogLevel{},
	}
	for _, name := range []string{"node", "api", "journal", "stream", "beckon/discovery", "beckon/dht", "beckon/mdns", "beckon/reachability"} {
		cfg.SubsystemLevels[name] = l.ours
	}
	golog.SetupLogging(cfg)
	gologshim.SetDefaultHandler(golog.SlogHandler())
	slog.SetDefault(slog.New(golog.SlogHandler()))
	return nil
}
