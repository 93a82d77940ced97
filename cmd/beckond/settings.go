package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/adrg/xdg"
	"github.com/urfave/cli/v2"
)

const settingsHelp = `Every setting can be given as a flag, as an environment variable or in
config.toml in the config directory ($XDG_CONFIG_HOME/beckon), in this order
of precedence; in the file the names have underscores: data_dir, socket,
listen, network, bootstrap, dht_server, mdns, reachability, relay, serve,
port_map, keep_missed, share_timeline, log_level.

When the daemon is ready it prints one line: ready peer_id=… socket=…`

// maxConfig is far over any config file.
const maxConfig = 64 << 10

// leastKeepMissed shows a number without its unit for what it is.
const leastKeepMissed = time.Minute

// settings are what the daemon runs with.
type settings struct {
	DataDir      string   `toml:"data_dir"`
	Socket       string   `toml:"socket"`
	Listen       []string `toml:"listen"`
	Network      string   `toml:"network"`
	Bootstrap    []string `toml:"bootstrap"`
	MDNS         *bool    `toml:"mdns"`
	Reachability string   `toml:"reachability"`
	Relay        []string `toml:"relay"`
	Serve        *bool    `toml:"serve"`
	PortMap      *bool    `toml:"port_map"`
	LogLevel     string   `toml:"log_level"`
	// KeepMissed is nil for the default.
	KeepMissed    *time.Duration `toml:"keep_missed"`
	ShareTimeline *bool          `toml:"share_timeline"`
	DHTServer     *bool          `toml:"dht_server"`
}

func flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "data-dir", EnvVars: []string{"BECKON_DATA_DIR"}, Usage: "the peer's directory: key, journal, history", DefaultText: "$XDG_DATA_HOME/beckon"},
		&cli.StringFlag{Name: "socket", EnvVars: []string{"BECKON_SOCKET"}, Usage: "the Unix socket for apps", DefaultText: "$XDG_RUNTIME_DIR/beckon/beckon.sock, else DATA_DIR/beckon.sock"},
		&cli.StringSliceFlag{Name: "listen", EnvVars: []string{"BECKON_LISTEN"}, Usage: "a multiaddr to listen on; may be repeated", DefaultText: "QUIC and TCP on one kept random port"},
		&cli.StringFlag{Name: "network", EnvVars: []string{"BECKON_NETWORK"}, Usage: "public (the DHT of IPFS), lan (no DHT), or the name of a private DHT", DefaultText: "public"},
		&cli.StringSliceFlag{Name: "bootstrap", EnvVars: []string{"BECKON_BOOTSTRAP"}, Usage: "the multiaddr, ending in /p2p/PEER-ID, of a peer to join by; may be repeated; takes the place of the network's own list. none: nobody", DefaultText: "the public network's own list; none on a private one"},
		&cli.BoolFlag{Name: "dht-server", EnvVars: []string{"BECKON_DHT_SERVER"}, Usage: "serve the public DHT, too, while others can reach this peer; on a private one every peer does"},
		&cli.BoolFlag{Name: "mdns", EnvVars: []string{"BECKON_MDNS"}, Usage: "find peers on the local network", Value: true},
		&cli.StringFlag{Name: "reachability", EnvVars: []string{"BECKON_REACHABILITY"}, Usage: "public or private: whether others can dial this peer, if you know better than it finds out", DefaultText: "auto"},
		&cli.StringSliceFlag{Name: "relay", EnvVars: []string{"BECKON_RELAY"}, Usage: "the multiaddr, ending in /p2p/PEER-ID, of a relay to use instead of those that are found; may be repeated; none: no relay"},
		&cli.BoolFlag{Name: "serve", EnvVars: []string{"BECKON_SERVE"}, Usage: "be a small relay for others while they can dial this peer", Value: true},
		&cli.BoolFlag{Name: "port-map", EnvVars: []string{"BECKON_PORT_MAP"}, Usage: "ask the router to forward a port (UPnP, NAT-PMP)", Value: true},
		&cli.DurationFlag{Name: "keep-missed", EnvVars: []string{"BECKON_KEEP_MISSED"}, Usage: "how long to go on telling a callee of a call that it missed; at most 720h, 0 for not at all", DefaultText: "168h"},
		&cli.BoolFlag{Name: "share-timeline", EnvVars: []string{"BECKON_SHARE_TIMELINE"}, Usage: "let the other party of an invitation see its steps here, as words and times, for beckon explain"},
		&cli.StringFlag{Name: "log-level", EnvVars: []string{"BECKON_LOG_LEVEL"}, Usage: "debug, info, warn or error", DefaultText: "info"},
	}
}

// dropEmpty takes settings that are empty out of the environment, where empty
// means not set: an empty data directory would be the working directory.
func dropEmpty() {
	for _, f := range flags() {
		for _, name := range f.(cli.DocGenerationFlag).GetEnvVars() {
			if os.Getenv(name) == "" {
				os.Unsetenv(name)
			}
		}
	}
}

// readSettings joins flags, environment and file, the first that says something
// wins, and fills in the defaults.
func readSettings(c *cli.Context) (settings, error) {
	s, err := readFile(filepath.Join(xdg.ConfigHome, "beckon", "config.toml"))
	if err != nil {
		return s, err
	}
	text := func(name string, to *string, fallback func() string) {
		if c.String(name) != "" {
			*to = c.String(name)
		} else if *to == "" {
			*to = fallback()
		}
	}
	text("data-dir", &s.DataDir, func() string { return filepath.Join(xdg.DataHome, "beckon") })
	text("socket", &s.Socket, func() string { return defaultSocket(s.DataDir) })
	text("network", &s.Network, func() string { return "public" })
	text("log-level", &s.LogLevel, func() string { return "info" })
	if c.IsSet("listen") {
		s.Listen = c.StringSlice("listen")
	}
	if c.IsSet("bootstrap") {
		s.Bootstrap = c.StringSlice("bootstrap")
	}
	if c.IsSet("relay") {
		s.Relay = c.StringSlice("relay")
	}
	text("reachability", &s.Reachability, func() string { return "auto" })
	for name, to := range map[string]**bool{
		"dht-server": &s.DHTServer, "mdns": &s.MDNS, "serve": &s.Serve, "port-map": &s.PortMap, "share-timeline": &s.ShareTimeline,
	} {
		if on := c.Bool(name); c.IsSet(name) || *to == nil {
			*to = &on
		}
	}
	if keep := c.Duration("keep-missed"); c.IsSet("keep-missed") {
		s.KeepMissed = &keep
	}
	if k := s.KeepMissed; k != nil && *k != 0 && *k < leastKeepMissed {
		return s, fmt.Errorf("--keep-missed %v: give %v or more, or 0 for not at all", *k, leastKeepMissed)
	}
	if s.DataDir, err = filepath.Abs(s.DataDir); err != nil {
		return s, err
	}
	s.Socket, err = filepath.Abs(s.Socket)
	return s, err
}

// readFile reads the config file; there need not be one.
func readFile(path string) (s settings, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return s, fmt.Errorf("the config file cannot be read: %w", err)
	case info.Size() > maxConfig:
		return s, fmt.Errorf("%s has more than %d bytes; it should hold a few settings", path, maxConfig)
	}
	md, err := toml.DecodeFile(path, &s)
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	if unknown := md.Undecoded(); len(unknown) > 0 {
		return s, fmt.Errorf("%s: unknown setting %q; beckond --help lists the settings", path, unknown[0])
	}
	return s, nil
}

// keepMissed is the setting as the node wants it.
func (s settings) keepMissed() time.Duration {
	switch {
	case s.KeepMissed == nil:
		return 0 // the default
	case *s.KeepMissed == 0:
		return -1 // not at all
	}
	return *s.KeepMissed
}

func defaultSocket(dataDir string) string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "beckon", "beckon.sock")
	}
	return filepath.Join(dataDir, "beckon.sock")
}

// version is what the build knows of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
