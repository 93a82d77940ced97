package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

// The exit codes. Scripts rely on them; a new one is a new number.
const (
	exitDone        = 0 // invite, accept: accepted
	exitFailure     = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitOffline     = 4
	exitNoResponse  = 5
	exitRefused     = 6
	exitExpired     = 7
	exitCanceled    = 8
	exitInterrupted = 130
)

// Codes of problems that the command line has of its own.
const (
	codeUsage       = "usage"
	codeUnreachable = "daemon_unreachable"
	codeInterrupted = "interrupted"
	codeAmbiguous   = "ambiguous_id"
)

var exitByProblem = map[string]int{
	codeUsage:               exitUsage,
	codeAmbiguous:           exitUsage,
	api.CodeInvalidArgument: exitUsage,
	api.CodeTooLarge:        exitUsage,
	codeUnreachable:         exitUnreachable,
	api.CodeShuttingDown:    exitUnreachable,
	api.CodePeerNotFound:    exitOffline,
	api.CodePeerUnreachable: exitOffline,
	codeInterrupted:         exitInterrupted,
}

var exitByState = map[string]int{
	api.AcceptedByRemote: exitDone,
	api.Accepted:         exitDone,
	api.RefusedByRemote:  exitRefused,
	api.Refused:          exitRefused,
	api.Canceled:         exitCanceled,
}

var exitByFailure = map[string]int{
	api.PeerOffline:      exitOffline,
	api.PeerNoResponse:   exitNoResponse,
	api.InvitationExpire: exitExpired,
}

// outcome ends the program with the code of an invitation that has ended and
// whose end was told already.
type outcome struct{ invitation api.Invitation }

func (o outcome) Error() string { return "the invitation ended: " + outcomeText(o.invitation) }

func (o outcome) code() int {
	if code, ok := exitByState[o.invitation.State]; ok {
		return code
	}
	if code, ok := exitByFailure[o.invitation.Error]; ok {
		return code
	}
	return exitFailure
}

// told ends the program with this code; why was told already.
type told int

func (t told) Error() string { return fmt.Sprintf("exit code %d", int(t)) }

// usageError is a command line that makes no sense.
type usageError struct {
	code, text, hint string
}

func (e *usageError) Error() string { return e.text }

func usagef(hint, format string, args ...any) error {
	return &usageError{code: codeUsage, text: fmt.Sprintf(format, args...), hint: hint}
}

// badValue is the library's complaint about a flag's value.
func badValue(_ *cli.Context, err error, _ bool) error {
	return usagef("--help lists the flags and what they take", "%v", err)
}

// exit tells err, if it was not told, and returns the exit code.
func (p *program) exit(ctx context.Context, err error) int {
	var o outcome
	if err == nil {
		return exitDone
	}
	if errors.As(err, &o) {
		return o.code()
	}
	if code := told(0); errors.As(err, &code) {
		return int(code)
	}
	problem, hint := explain(ctx, err)
	if p.json {
		problem.Detail = sentence(problem.Detail, hint)
		printJSON(p.stderr, problem)
	} else if problem.Code != codeInterrupted { // who did that knows
		fmt.Fprintf(p.stderr, "beckon: error: %s\n", clean(problem.Detail))
		if hint != "" {
			fmt.Fprintf(p.stderr, "beckon: hint: %s\n", clean(hint))
		}
	}
	if code, ok := exitByProblem[problem.Code]; ok {
		return code
	}
	return exitFailure
}

// explain says what happened as a problem object, and what to do about it.
func explain(ctx context.Context, err error) (api.Problem, string) {
	var (
		usage   *usageError
		gone    *client.NotRunningError
		problem *api.Problem
	)
	switch {
	case interrupted(ctx, err):
		return api.Problem{Code: codeInterrupted, Title: "interrupted", Detail: "interrupted"}, ""
	case errors.As(err, &usage):
		return api.Problem{Code: usage.code, Title: "wrong usage", Detail: usage.text}, usage.hint
	case errors.As(err, &gone):
		return api.Problem{Code: codeUnreachable, Title: "daemon not reachable", Detail: gone.Error()}, gone.Hint()
	case errors.Is(err, context.DeadlineExceeded):
		return api.Problem{Code: codeUnreachable, Title: "daemon not reachable", Detail: "beckond took too long to answer"},
			"look at what it logs, or start it again"
	case errors.As(err, &problem):
		return *problem, hints[problem.Code]
	}
	return api.Problem{Code: api.CodeInternal, Title: "internal error", Detail: err.Error()}, ""
}

// hints are what a user of the command line can do, where the daemon's own
// detail speaks to apps.
var hints = map[string]string{
	api.CodeNotFound:        "beckon ls lists the invitations",
	api.CodePeerNotFound:    "is the peer's beckond running, on the same network? beckon status tells how this one is doing",
	api.CodePeerUnreachable: "the peer may be offline; beckon find shows what is known of it",
	api.CodeShuttingDown:    "start the daemon again with: beckond",
	api.CodeCursorExpired:   "leave --after out to start at the present",
	api.CodeAlreadyEnd:      "beckon show tells how it ended",
}

func sentence(detail, hint string) string {
	if hint == "" {
		return detail
	}
	return detail + "; " + hint
}
