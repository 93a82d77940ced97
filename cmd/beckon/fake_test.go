package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/api"
)

const (
	me   = "12D3KooWMeMeMeMeMeMeMeMeMeMeMeMeMeMeMeMeMeMeMeMeMeMe"
	them = "12D3KooWThemThemThemThemThemThemThemThemThemThemThem"
)

// fake answers on a Unix socket as beckond would, with canned fates: what
// becomes of the next invitation is said beforehand.
type fake struct {
	socket string

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each change
	node     api.Node
	log      []api.Event
	list     []api.Invitation  // newest first
	fate     string            // of what is sent: accept, refuse, ring, or a failure
	response string            // of the callee
	keys     map[string]string // idempotency keys, and the ids made with them
	checks   []api.Check       // what the doctor finds
	seen     []string          // requests, as "POST /v1/… {body}"

	server *http.Server
	done   chan struct{}
}

func newFake(socket string) *fake {
	return &fake{socket: socket, changed: make(chan struct{}), keys: map[string]string{}, fate: "accept", node: api.Node{
		PeerID: me, Version: "1", Network: "lan", Online: true, State: api.StateOnline, Reachability: "unknown",
		Addresses: []string{"/ip4/127.0.0.1/tcp/1/p2p/" + me, "/ip4/192.0.2.1/udp/1/quic-v1/p2p/" + me},
		DHT:       api.DHT{Mode: "off"}, StartedAt: api.Time{Time: time.Now()},
	}}
}

func (f *fake) start() error {
	ln, err := net.Listen("unix", f.socket)
	if err != nil {
		return err
	}
	f.server, f.done = &http.Server{Handler: f}, make(chan struct{})
	go func() {
		defer close(f.done)
		f.server.Serve(ln)
	}()
	return nil
}

func (f *fake) stop() {
	if f.server != nil {
		f.server.Close()
		<-f.done
		f.server = nil
		os.Remove(f.socket)
	}
}

// change runs do under the lock and wakes whoever waits.
func (f *fake) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	close(f.changed)
	f.changed = make(chan struct{})
}

// until waits for a condition, and says what was seen if it does not come.
func (f *fake) until(met func() bool) error {
	limit := time.After(20 * time.Second)
	for {
		f.mu.Lock()
		ok, changed, seen := met(), f.changed, strings.Join(f.seen, "\n")
		f.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-limit:
			return errors.New("it did not come; the requests were:\n" + seen)
		}
	}
}

// emit logs an event of the invitation in its new form; call it in change.
func (f *fake) emit(kind string, inv api.Invitation) {
	i := slices.IndexFunc(f.list, func(have api.Invitation) bool { return have.ID == inv.ID })
	if i < 0 {
		f.list = slices.Insert(f.list, 0, inv)
	} else {
		f.list[i] = inv
	}
	f.log = append(f.log, api.Event{Seq: int64(len(f.log) + 1), Time: now(), Type: kind, App: inv.App, Invitation: &inv})
}

func now() api.Time { return api.Time{Time: time.Now()} }

// mergedID is their invitation where two become one.
const mergedID = "0190a5d0-0000-7000-8000-00000000feed"

// send is what becomes of a sent invitation.
func (f *fake) send(inv api.Invitation) {
	inv.State, inv.Progress = api.SentToRemote, api.ProgressLocating
	f.emit(api.LocalInvitationProgress, inv)
	end := func(kind, state string) {
		inv.State, inv.Progress, inv.EndedAt, inv.LeftMS = state, "", now(), nil
		f.emit(kind, inv)
	}
	if slices.Contains([]string{"accept", "refuse", "ring", api.InvitationExpire}, f.fate) {
		left := int64(60_000)
		inv.State, inv.Progress, inv.LeftMS, inv.Path = api.ReceivedByRemote, api.ProgressRinging, &left, api.PathLAN
		f.emit(api.LocalInvitationReceivedByPeer, inv)
	}
	switch f.fate {
	case "ring":
	case "accept":
		inv.Response = f.response
		end(api.LocalInvitationAccepted, api.AcceptedByRemote)
	case "merge": // they call, too
		theirs := inv
		theirs.ID, theirs.Kind, theirs.State, theirs.CallerID, theirs.CalleeID = mergedID, api.KindRemote, api.Accepted, them, me
		theirs.Content, theirs.Response, theirs.MergedWith, theirs.EndedAt = f.response, inv.Content, inv.ID, now()
		f.emit(api.RemoteInvitationAccepted, theirs)
		inv.Reason, inv.MergedWith = api.ReasonSuperseded, theirs.ID
		end(api.LocalInvitationCanceled, api.Canceled)
	case "refuse":
		inv.Reason = api.ReasonBusy
		end(api.LocalInvitationRefused, api.RefusedByRemote)
	default:
		inv.Error = f.fate
		end(api.LocalInvitationFailure, api.Failure)
	}
}

// ring is an invitation that arrives.
func (f *fake) ring(id, app, content string) {
	left := int64(60_000)
	f.emit(api.RemoteInvitationReceived, api.Invitation{
		ID: id, Kind: api.KindRemote, State: api.InvitationReceived, App: app, CallerID: them, CalleeID: me,
		ChannelID: "room", Content: content, CreatedAt: now(), ReceivedAt: now(), LeftMS: &left,
	})
}

func (f *fake) find(id string) (api.Invitation, bool) {
	for _, inv := range f.list {
		if inv.ID == id {
			return inv, true
		}
	}
	return api.Invitation{}, false
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.change(func() { f.seen = append(f.seen, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+string(body))) })
	if r.URL.Path == api.RouteEvents {
		f.stream(w, r)
		return
	}
	var answer any
	f.change(func() { answer = f.answer(r, body) })
	if p, ok := answer.(*api.Problem); ok {
		w.WriteHeader(p.Status)
	}
	json.NewEncoder(w).Encode(answer)
}

func refused(status int, code string) *api.Problem {
	return &api.Problem{Code: code, Title: code, Status: status, Detail: "the fake says " + code}
}

func (f *fake) answer(r *http.Request, body []byte) any {
	part := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	switch {
	case part[0] == "doctor":
		return api.Doctor{Outcome: worst(f.checks), Checks: f.checks}
	case part[0] == "node":
		if r.Method == http.MethodPut {
			f.node.Online = strings.Contains(string(body), "true")
			f.node.State = map[bool]string{true: api.StateJoining, false: api.StateOffline}[f.node.Online]
		}
		return f.node
	case part[0] == "peers" && part[1] != them:
		return refused(404, api.CodePeerNotFound)
	case part[0] == "peers" && len(part) == 3:
		return api.Ping{RTTMS: 1.25, Path: api.PathLAN}
	case part[0] == "peers":
		return api.Peer{PeerID: them, Connectedness: "connected", Path: api.PathLAN, Source: "lan", Agent: "x\x1b[31m", Addresses: []string{"/ip4/192.0.2.2/tcp/2"}, Stages: []api.Stage{
			{Source: "lan", Event: api.StageAsked}, {Source: "dht", Event: api.StageAsked},
			{Source: "lan", Event: api.StageAnswered, TookMS: 12, Addresses: 2}, {Source: "lan", Event: api.StageConnected, TookMS: 15},
			{Source: "dht", Event: api.StageGaveUp, TookMS: 16}, {Source: "stars", Event: "asked_nicely", TookMS: 2000},
		}}
	case len(part) == 1 && r.Method == http.MethodPost:
		return f.create(r.Header.Get("Idempotency-Key"), body)
	case len(part) == 1:
		return f.page(r)
	}
	inv, ok := f.find(part[1])
	if !ok {
		return refused(404, api.CodeNotFound)
	}
	if len(part) == 3 && part[2] == "explain" {
		return f.explain(inv)
	}
	if len(part) == 3 {
		return f.verb(inv, part[2], body)
	}
	return inv
}

// create is idempotent, as the daemon's is: a client whose answer was lost asks
// again with the same key.
func (f *fake) create(key string, body []byte) any {
	for _, inv := range f.list {
		if key != "" && f.keys[key] == inv.ID {
			return inv
		}
	}
	var in api.CreateInvitation
	if err := json.Unmarshal(body, &in); err != nil || in.CalleeID == me {
		return refused(422, api.CodeInvalidArgument)
	}
	inv := api.Invitation{
		ID: fmt.Sprintf("0190a5d0-0000-7000-8000-%012d", len(f.list)+1), Kind: api.KindLocal, State: api.SentToRemote,
		App: cmp.Or(in.App, api.DefaultApp), CallerID: me, CalleeID: in.CalleeID, ChannelID: in.ChannelID,
		Content: in.Content, CreatedAt: now(), SentAt: now(),
	}
	f.keys[key] = inv.ID
	f.send(inv)
	return inv
}

func (f *fake) page(r *http.Request) any {
	list := slices.DeleteFunc(slices.Clone(f.list), func(inv api.Invitation) bool {
		switch state := r.URL.Query().Get("state"); state {
		case "":
			return false
		case "live":
			return inv.Ended()
		default:
			return inv.State != state
		}
	})
	// Pages are of two, whatever is asked for: who reads them must read on.
	from, _ := strconv.Atoi(r.URL.Query().Get("before"))
	page := api.InvitationList{Invitations: list[from:min(from+2, len(list))]}
	if from+2 < len(list) {
		page.Next = strconv.Itoa(from + 2)
	}
	return page
}

func (f *fake) verb(inv api.Invitation, verb string, body []byte) any {
	if inv.Ended() {
		return refused(409, api.CodeAlreadyEnd)
	}
	var said api.Refuse // a superset of the others
	if err := json.Unmarshal(body, &said); err != nil {
		return refused(422, api.CodeInvalidArgument)
	}
	inv.Response = said.Response
	switch verb {
	case api.VerbAccept:
		inv.State = api.AcceptSentToLocal
		bid := inv
		f.emit(api.RemoteInvitationProgress, bid)
		inv.State, inv.EndedAt = api.Accepted, now()
		f.emit(api.RemoteInvitationAccepted, inv)
		return bid
	case api.VerbRefuse:
		inv.State, inv.Reason, inv.EndedAt = api.Refused, cmp.Or(said.Reason, api.ReasonDeclined), now()
		f.emit(api.RemoteInvitationRefused, inv)
	case api.VerbCancel:
		inv.State, inv.Reason, inv.EndedAt = api.Canceled, api.ReasonCanceled, now()
		f.emit(api.LocalInvitationCanceled, inv)
	}
	return inv
}

// stream writes events until the reader or the server goes.
func (f *fake) stream(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	f.mu.Lock()
	at := len(f.log)
	if after := query.Get("after"); after != "" {
		seq, found := strings.CutPrefix(after, "E:")
		n, err := strconv.Atoi(seq)
		if !found || err != nil || n > at {
			f.mu.Unlock()
			w.WriteHeader(410)
			json.NewEncoder(w).Encode(refused(410, api.CodeCursorExpired))
			return
		}
		at = n
	}
	hello := api.Hello{Cursor: fmt.Sprintf("E:%d", at), PeerID: me, State: f.node.State, Live: []api.Invitation{}}
	for _, inv := range f.list {
		if apps := query["app"]; !inv.Ended() && (len(apps) == 0 || slices.Contains(apps, inv.App)) {
			hello.Live = append(hello.Live, inv)
		}
	}
	f.mu.Unlock()
	w.Header().Set("Content-Type", api.TypeEventStream)
	b, _ := json.Marshal(hello)
	fmt.Fprintf(w, "event: hello\ndata: %s\n\n", b)
	w.(http.Flusher).Flush()
	// Seen only when it is on its way: a script may stop the daemon now.
	f.change(func() { f.seen = append(f.seen, "hello "+hello.Cursor+" "+r.URL.RawQuery) })
	for {
		f.mu.Lock()
		news, changed := f.log[at:], f.changed
		f.mu.Unlock()
		for _, ev := range news {
			at++
			if apps := query["app"]; len(apps) == 0 || slices.Contains(apps, ev.App) {
				b, _ := json.Marshal(ev)
				fmt.Fprintf(w, "id: E:%d\nevent: %s\ndata: %s\n\n", at, ev.Type, b)
			}
		}
		w.(http.Flusher).Flush()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}
