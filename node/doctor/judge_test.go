package doctor

import (
	"strings"
	"testing"
	"time"
)

// verdicts are cases of judgements, by what they are about.
type verdicts map[string]struct {
	got     Verdict
	outcome Outcome
	says    string // a part of what was found
}

// hold compares, and sees that whatever is not well says what to do, and that
// nothing else does.
func (cases verdicts) hold(t *testing.T) {
	t.Helper()
	for name, c := range cases {
		if c.got.Outcome != c.outcome || !strings.Contains(c.got.Found, c.says) {
			t.Errorf("%s: %s %q, want %s with %q", name, c.got.Outcome, c.got.Found, c.outcome, c.says)
		}
		if (c.got.Advice != "") != (c.outcome != OK) {
			t.Errorf("%s: %s, and the advice is %q", name, c.outcome, c.got.Advice)
		}
	}
}

func TestKey(t *testing.T) {
	verdicts{
		"well":                  {Key(KeyFacts{Mode: 0o600, DirMode: 0o700}), OK, "this user's alone"},
		"read-only":             {Key(KeyFacts{Mode: 0o400, DirMode: 0o500}), OK, ""},
		"gone":                  {Key(KeyFacts{Path: "/d/identity.key", Missing: true}), Fail, "/d/identity.key is gone"},
		"not to be read":        {Key(KeyFacts{Err: "permission denied"}), Fail, "permission denied"},
		"for everybody":         {Key(KeyFacts{Path: "/k", Mode: 0o644, DirMode: 0o700}), Fail, "mode 0644"},
		"for the group":         {Key(KeyFacts{Mode: 0o640, DirMode: 0o700}), Fail, "mode 0640"},
		"directory to write in": {Key(KeyFacts{Mode: 0o600, Dir: "/d", DirMode: 0o770}), Fail, "/d can be changed"},
		"directory to look in":  {Key(KeyFacts{Mode: 0o600, DirMode: 0o755}), Warn, "mode 0755"},
		"another key":           {Key(KeyFacts{Mode: 0o600, DirMode: 0o700, Other: true}), Fail, "another key"},
	}.hold(t)
	if advice := Key(KeyFacts{Path: "/k", Mode: 0o644}).Advice; advice != "run: chmod 600 /k" {
		t.Errorf("advice %q", advice)
	}
}

func TestDisk(t *testing.T) {
	const much = 5 << 30
	verdicts{
		"well":             {Disk(DiskFacts{Dir: "/d", Free: much}), OK, "5120 MiB free at /d"},
		"just enough":      {Disk(DiskFacts{Free: LittleSpace}), OK, "100 MiB"},
		"little":           {Disk(DiskFacts{Free: LittleSpace - 1}), Warn, "99 MiB"},
		"just not nothing": {Disk(DiskFacts{Free: NoSpace}), Warn, "10 MiB"},
		"nothing":          {Disk(DiskFacts{Free: NoSpace - 1}), Fail, "9 MiB"},
		"read-only":        {Disk(DiskFacts{Free: much, Write: "read-only file system"}), Fail, "cannot be written: read-only file system"},
		"slow":             {Disk(DiskFacts{Free: much, Took: SlowJournal + time.Millisecond}), Warn, "took 501ms"},
		"just not slow":    {Disk(DiskFacts{Free: much, Took: SlowJournal}), OK, ""},
		"unknown space":    {Disk(DiskFacts{FreeErr: "unsupported"}), OK, "not known here (unsupported)"},
	}.hold(t)
}

func TestClock(t *testing.T) {
	hour := UsualPlace
	verdicts{
		"nothing to compare": {Clock(ClockFacts{Jump: -time.Second}), OK, "no other clock"},
		"agrees":             {Clock(ClockFacts{Places: []time.Duration{hour - time.Second, hour}}), OK, "agrees with 2 relays"},
		"just agrees":        {Clock(ClockFacts{Places: []time.Duration{hour + SkewAtMost}}), OK, "1 relay"},
		"ahead":              {Clock(ClockFacts{Places: []time.Duration{hour - 10*time.Minute}}), Warn, "10m0s ahead"},
		"behind":             {Clock(ClockFacts{Places: []time.Duration{hour + 3*time.Hour}}), Warn, "3h0m0s behind"},
		"one relay's clock is wrong, or it gives less": {
			Clock(ClockFacts{Places: []time.Duration{hour / 2, hour}}), OK, "agrees"},
		"far ahead":      {Clock(ClockFacts{Past: true}), Fail, "more than an hour ahead"},
		"set forward":    {Clock(ClockFacts{Jump: time.Hour}), Warn, "forward by 1h0m0s"},
		"set back":       {Clock(ClockFacts{Jump: -time.Hour}), Warn, "back by 1h0m0s"},
		"slewed":         {Clock(ClockFacts{Jump: JumpAtMost}), OK, ""},
		"set, and wrong": {Clock(ClockFacts{Jump: time.Hour, Places: []time.Duration{0}}), Warn, "1h0m0s ahead"},
	}.hold(t)
}

func TestSecondInstance(t *testing.T) {
	verdicts{
		"alone":      {SecondInstance(InstanceFacts{}), OK, "no other device"},
		"another":    {SecondInstance(InstanceFacts{Others: []string{"/ip4/192.0.2.1/tcp/1"}, Strange: []string{"x"}}), Fail, "at /ip4/192.0.2.1/tcp/1"},
		"many":       {SecondInstance(InstanceFacts{Others: []string{"a", "b", "c", "d", "e"}}), Fail, "a, b, c and 2 more"},
		"moved":      {SecondInstance(InstanceFacts{Strange: []string{"x"}}), OK, "1 address of before"},
		"moved much": {SecondInstance(InstanceFacts{Strange: []string{"x", "y"}}), OK, "2 addresses of before"},
		"unlocked":   {SecondInstance(InstanceFacts{LockGone: true}), Warn, "lock"},
	}.hold(t)
}

func TestOnline(t *testing.T) {
	verdicts{
		"well":         {Online(OnlineFacts{Wish: true, State: "online"}), OK, "on the network"},
		"logged out":   {Online(OnlineFacts{State: "offline", Lost: true}), Warn, "logged out"},
		"joining":      {Online(OnlineFacts{Wish: true, State: "joining", For: JoinTime}), OK, "joining"},
		"joining long": {Online(OnlineFacts{Wish: true, State: "joining", For: JoinTime + time.Second}), Fail, "in 31s"},
		"lost":         {Online(OnlineFacts{Wish: true, State: "joining", Lost: true}), Fail, "not on the network"},
		"offline":      {Online(OnlineFacts{Wish: true, State: "offline"}), Fail, "not on the network"},
	}.hold(t)
}

func TestAddresses(t *testing.T) {
	verdicts{
		"well":      {Addresses(AddressFacts{Listen: 6, Loopback: 2, QUIC: true, TCP: true}), OK, "4 addresses"},
		"one":       {Addresses(AddressFacts{Listen: 1, QUIC: true, TCP: true}), OK, "1 address "},
		"none":      {Addresses(AddressFacts{}), Fail, "no address"},
		"loopback":  {Addresses(AddressFacts{Listen: 2, Loopback: 2, QUIC: true, TCP: true}), Warn, "loopback only"},
		"TCP only":  {Addresses(AddressFacts{Listen: 1, TCP: true}), Warn, "TCP only"},
		"QUIC only": {Addresses(AddressFacts{Listen: 1, QUIC: true}), Warn, "QUIC only"},
	}.hold(t)
}

func TestMDNS(t *testing.T) {
	verdicts{
		"well":             {MDNS(MDNSFacts{Running: true, Heard: 2}), OK, "2 peers heard"},
		"off":              {MDNS(MDNSFacts{Off: true, DHT: true}), OK, "off"},
		"off, and no DHT":  {MDNS(MDNSFacts{Off: true}), Warn, "only peers met before"},
		"no multicast":     {MDNS(MDNSFacts{DHT: true, Why: "no interface is up"}), Warn, "no interface is up"},
		"between networks": {MDNS(MDNSFacts{}), Warn, "just now"},
	}.hold(t)
}

func TestDHT(t *testing.T) {
	verdicts{
		"well":                      {DHT(DHTFacts{Mode: "client", Table: 80, Public: true}), OK, "client, 80 peers"},
		"off":                       {DHT(DHTFacts{Mode: "off"}), OK, "off"},
		"small and private":         {DHT(DHTFacts{Mode: "server", Table: 1, Bootstrap: true}), OK, "1 peer in"},
		"first of a private one":    {DHT(DHTFacts{Mode: "server"}), Warn, "nobody else"},
		"private, nobody answers":   {DHT(DHTFacts{Mode: "server", Bootstrap: true, For: JoinTime + 1}), Fail, "0 peers"},
		"public, nobody":            {DHT(DHTFacts{Mode: "client", Public: true, For: JoinTime + 1}), Fail, "0 peers"},
		"public, joining":           {DHT(DHTFacts{Mode: "client", Public: true, For: JoinTime}), Warn, "0 peers"},
		"public, few":               {DHT(DHTFacts{Mode: "client", Public: true, Table: FewPeers - 1}), Warn, "2 peers"},
		"public, just enough of it": {DHT(DHTFacts{Mode: "client", Public: true, Table: FewPeers}), OK, "3 peers"},
	}.hold(t)
}

func TestFound(t *testing.T) {
	verdicts{
		"well":              {Found(FoundFacts{DHT: true, Asked: 3, Knew: 2, Table: 9}), OK, "3 peers asked, 2 can tell"},
		"unknown":           {Found(FoundFacts{DHT: true, Asked: 2, Table: 9}), Fail, "none knows"},
		"nobody to ask":     {Found(FoundFacts{DHT: true}), Warn, "nobody to ask"},
		"nobody answers":    {Found(FoundFacts{DHT: true, Table: 4}), Warn, "none of the peers asked"},
		"on the LAN":        {Found(FoundFacts{MDNS: true}), OK, "mDNS"},
		"not even there":    {Found(FoundFacts{}), Warn, "nobody who has not met it"},
		"one who knows all": {Found(FoundFacts{DHT: true, Asked: 1, Knew: 1, Table: 1}), OK, "1 peer asked, 1 can"},
	}.hold(t)
}

func TestReachable(t *testing.T) {
	verdicts{
		"public":               {Reachable(ReachFacts{Verdict: "public", Confirmed: []string{"/a"}}), OK, "confirmed at /a"},
		"public, partly":       {Reachable(ReachFacts{Verdict: "public", Confirmed: []string{"/a"}, Refuted: []string{"/b"}}), Warn, "not at /b"},
		"public, as one says":  {Reachable(ReachFacts{Verdict: "public", Forced: true}), OK, "by --reachability"},
		"private with relay":   {Reachable(ReachFacts{Verdict: "private", Relays: 2}), OK, "through 2 relays"},
		"private, no relay":    {Reachable(ReachFacts{Verdict: "private", Refuted: []string{"/b"}}), Warn, "tried in vain at /b"},
		"not found out so far": {Reachable(ReachFacts{Verdict: "unknown"}), OK, "not found out"},
	}.hold(t)
}

func TestRelay(t *testing.T) {
	verdicts{
		"held":                {Relay(RelayFacts{Verdict: "private", Held: 2}), OK, "2 relays"},
		"public":              {Relay(RelayFacts{Verdict: "public"}), OK, "none needed"},
		"unknown":             {Relay(RelayFacts{Verdict: "unknown"}), OK, "none needed"},
		"private, none":       {Relay(RelayFacts{Verdict: "private", For: JoinTime + 1}), Fail, "no place"},
		"private, none given": {Relay(RelayFacts{Verdict: "private", Chosen: 2, For: JoinTime + 1}), Fail, "none of the 2 relays"},
		"private, asking":     {Relay(RelayFacts{Verdict: "private", For: JoinTime}), Warn, "none yet"},
		"private, off":        {Relay(RelayFacts{Verdict: "private", Off: true}), Warn, "--relay none"},
	}.hold(t)
}

func TestNAT(t *testing.T) {
	verdicts{
		"none":                {NAT(NATFacts{Verdict: "public", UDP: NATSymmetric}), OK, "none"},
		"cone":                {NAT(NATFacts{Verdict: "private", UDP: NATCone, TCP: NATSymmetric}), OK, "from both sides"},
		"symmetric":           {NAT(NATFacts{Verdict: "private", UDP: NATSymmetric, TCP: NATCone}), Warn, "symmetric"},
		"symmetric, TCP only": {NAT(NATFacts{Verdict: "private", TCP: NATSymmetric}), Warn, "symmetric"},
		"unknown":             {NAT(NATFacts{Verdict: "unknown"}), OK, "not known"},
	}.hold(t)
}

func TestUDP(t *testing.T) {
	verdicts{
		"works":                     {UDP(UDPFacts{Listens: true, QUIC: 1, TCP: 9, Offered: 9}), OK, "1 connection "},
		"blocked":                   {UDP(UDPFacts{Listens: true, TCP: fewTCP, Offered: fewTCP}), Warn, "seems blocked"},
		"chance":                    {UDP(UDPFacts{Listens: true, TCP: fewTCP - 1, Offered: fewTCP - 1}), OK, "not known"},
		"peers without QUIC":        {UDP(UDPFacts{Listens: true, TCP: 9, Offered: 3}), OK, "not known"},
		"nobody yet":                {UDP(UDPFacts{Listens: true}), OK, "not known"},
		"not used in the first hop": {UDP(UDPFacts{TCP: 9, Offered: 9}), OK, "not used"},
	}.hold(t)
}
