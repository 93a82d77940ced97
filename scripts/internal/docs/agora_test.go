package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// calls are what the reference lets an app call.
var calls = []string{
	"getRtmCallManager", "createLocalCallInvitation", "createLocalInvitation", "sendLocalInvitation", "cancelLocalInvitation",
	"acceptRemoteInvitation", "refuseRemoteInvitation", "release()", "getCalleeId", "getCallerId", "setContent", "getContent",
	"setChannelId", "getChannelId", "setResponse", "getResponse", "getState",
}

// callbacks are what the reference tells an app, and the event of each here.
var callbacks = map[string]invitation.Callback{
	"onLocalInvitationReceivedByPeer": invitation.LocalReceivedByPeer,
	"onLocalInvitationAccepted":       invitation.LocalAccepted,
	"onLocalInvitationRefused":        invitation.LocalRefused,
	"onLocalInvitationCanceled":       invitation.LocalCanceled,
	"onLocalInvitationFailure":        invitation.LocalFailure,
	"onRemoteInvitationReceived":      invitation.RemoteReceived,
	"onRemoteInvitationAccepted":      invitation.RemoteAccepted,
	"onRemoteInvitationRefused":       invitation.RemoteRefused,
	"onRemoteInvitationCanceled":      invitation.RemoteCanceled,
	"onRemoteInvitationFailure":       invitation.RemoteFailure,
}

func TestCallsAndCallbacks(t *testing.T) {
	readme := read(t, "README.md")
	for _, name := range calls {
		if !strings.Contains(readme, "`"+name+"`") {
			t.Errorf("README.md does not tell what becomes of %s", name)
		}
	}
	told := map[string]string{}
	for _, row := range rows(t, readme, "Agora RTM 1.x | event") {
		if names := code(row[0]); len(names) == 1 {
			told[names[0]] = code(row[1])[0]
		}
	}
	if len(told) != len(callbacks) {
		t.Errorf("%d callbacks are told", len(told))
	}
	for name, event := range callbacks {
		if told[name] != string(event) {
			t.Errorf("README.md says that %s is %q; it is %s", name, told[name], event)
		}
	}
}

func TestStateNumbers(t *testing.T) {
	readme := read(t, "README.md")
	for _, table := range []struct {
		head string
		kind invitation.Kind
		last int
	}{{"local, Agora | number", invitation.KindLocal, 6}, {"remote, Agora | number", invitation.KindRemote, 6}} {
		next := 0
		for _, row := range rows(t, readme, table.head) {
			number, err := strconv.Atoi(row[1])
			if err != nil {
				continue
			}
			if number != next {
				t.Errorf("%s: number %d where %d was expected", table.head, number, next)
			}
			next++
			if number == 0 && table.kind == invitation.KindRemote {
				continue // no form has it
			}
			state := invitation.State(code(row[2])[0])
			if state.Number(table.kind) != number || !strings.EqualFold(code(row[0])[0], string(state)) {
				t.Errorf("%s %v: state %s has the number %d", table.head, row, state, state.Number(table.kind))
			}
		}
		if next != table.last+1 {
			t.Errorf("%s: %d states", table.head, next)
		}
	}
}

// codes are the words of each of the reference's enums, by their numbers.
var codes = map[string][]string{
	"local, Agora (`LOCAL_INVITATION_ERR":   {"", "peer_offline", "peer_no_response", "invitation_expire", "not_logged_in"},
	"remote, Agora (`REMOTE_INVITATION_ERR": {"", "peer_offline", "accept_failure", "invitation_expire"},
	"Agora (`INVITATION_API_CALL_ERR": {"", string(protocol.CodeInvalidArgument), string(protocol.CodeNotStarted),
		string(protocol.CodeAlreadyEnd), string(protocol.CodeAlreadyAccept), string(protocol.CodeAlreadySent)},
}

func TestErrorNumbers(t *testing.T) {
	readme := read(t, "README.md")
	for head, words := range codes {
		told := make([]string, len(words))
		for _, row := range rows(t, readme, head) {
			n, err := strconv.Atoi(row[1])
			if err == nil && n > 0 && n < len(told) {
				told[n] = code(row[2])[0]
			}
		}
		if !slices.Equal(told, words) {
			t.Errorf("%s: README.md has %q, the code %q", head, told, words)
		}
	}
}

func TestSizesAndTimes(t *testing.T) {
	want := map[string]string{
		"content":                   fmt.Sprintf("%d KiB", protocol.MaxContent>>10),
		"response":                  fmt.Sprintf("%d KiB", protocol.MaxResponse>>10),
		"channel id":                fmt.Sprintf("%d bytes", protocol.MaxChannelID),
		"until":                     fmt.Sprintf("%.0f s", protocol.DefaultReach.Seconds()),
		"ringing":                   fmt.Sprintf("%.0f s; `ring_ms` from %.0f s to %.0f min, at most %.0f min", protocol.DefaultRing.Seconds(), protocol.MinTime.Seconds(), protocol.MaxTime.Minutes(), protocol.RingCap.Minutes()),
		"confirmation of an accept": fmt.Sprintf("%.0f s", protocol.ConfirmTime.Seconds()),
	}
	for _, row := range rows(t, read(t, "README.md"), "| Agora RTM 1.x | beckon") {
		for begin, text := range want {
			if strings.HasPrefix(row[0], begin) {
				delete(want, begin)
				if !strings.HasPrefix(row[2], text) {
					t.Errorf("%s: README.md says %q, the code %q", row[0], row[2], text)
				}
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("README.md does not tell %v", want)
	}
}

// TestEveryWord: the states, errors, reasons and events of the API stand in README.md.
func TestEveryWord(t *testing.T) {
	readme := read(t, "README.md")
	found := 0
	for file, groups := range map[string][]string{
		"words.go":  {"Idle", "InvitationReceived", "PeerOffline", "ReasonDeclined"},
		"events.go": {"LocalInvitationReceivedByPeer"},
	} {
		for _, word := range constants(t, filepath.Join(root, "api", file), groups) {
			if found++; !strings.Contains(readme, "`"+word+"`") {
				t.Errorf("README.md does not name %s", word)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d words were found", found)
	}
}

// constants returns the texts of the groups of constants that begin with these.
func constants(t *testing.T, path string, begin []string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST || !slices.Contains(begin, g.Specs[0].(*ast.ValueSpec).Names[0].Name) {
			continue
		}
		for _, s := range g.Specs {
			word, err := strconv.Unquote(s.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			words = append(words, word)
		}
	}
	return words
}
