package api

import "fmt"

// Problem is the body of every error answer (RFC 9457,
// application/problem+json). Switch on Code; Detail says what to do.
type Problem struct {
	Code   string `json:"code" doc:"Stable word to switch on."`
	Title  string `json:"title" doc:"The code in a few words; the same for every such problem."`
	Status int    `json:"status" doc:"The HTTP status."`
	Detail string `json:"detail" doc:"What happened and what to do about it."`
	Field  string `json:"field,omitempty" doc:"The field, query key or header at fault."`
	Limit  string `json:"limit,omitempty" doc:"The limit that was passed, in words."`
	State  string `json:"state,omitempty" doc:"The state that forbade it."`
	Cursor string `json:"cursor,omitempty" doc:"With cursor_expired: the head of the event log."`
}

func (p *Problem) Error() string {
	if p.Field != "" {
		return fmt.Sprintf("%s (%s): %s", p.Code, p.Field, p.Detail)
	}
	return p.Code + ": " + p.Detail
}

// Is reports whether target is a Problem with the same code.
func (p *Problem) Is(target error) bool {
	t, ok := target.(*Problem)
	return ok && t.Code == p.Code
}

// Codes of problems, with their HTTP status.
const (
	CodeInvalidArgument     = "invalid_argument"     // 422
	CodeNotStarted          = "not_started"          // 409
	CodeAlreadyEnd          = "already_end"          // 409
	CodeAlreadyAccept       = "already_accept"       // 409
	CodeAlreadySent         = "already_sent"         // 409
	CodeWrongKind           = "wrong_kind"           // 409
	CodeStillLive           = "still_live"           // 409
	CodeIdempotencyConflict = "idempotency_conflict" // 409
	CodeNotFound            = "not_found"            // 404
	CodePeerNotFound        = "peer_not_found"       // 404
	CodeMethodNotAllowed    = "method_not_allowed"   // 405
	CodeCursorExpired       = "cursor_expired"       // 410
	CodeNotAllowed          = "not_allowed"          // 403
	CodeTooLarge            = "too_large"            // 413
	CodeTooMany             = "too_many"             // 429
	CodePeerUnreachable     = "peer_unreachable"     // 503
	CodeShuttingDown        = "shutting_down"        // 503
	CodeInternal            = "internal"             // 500
)
