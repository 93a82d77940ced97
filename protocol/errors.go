package protocol

import "fmt"

// Code is the stable word of an error that a local app can cause or meet.
type Code string

// The codes. The first five are the reference's, with its numbers.
const (
	CodeInvalidArgument Code = "invalid_argument" // 1
	CodeNotStarted      Code = "not_started"      // 2
	CodeAlreadyEnd      Code = "already_end"      // 3
	CodeAlreadyAccept   Code = "already_accept"   // 4
	CodeAlreadySent     Code = "already_sent"     // 5

	CodeWrongKind           Code = "wrong_kind"
	CodeStillLive           Code = "still_live"
	CodeIdempotencyConflict Code = "idempotency_conflict"
	CodeNotFound            Code = "not_found"
	CodePeerNotFound        Code = "peer_not_found"
	CodePeerUnreachable     Code = "peer_unreachable"
	CodeCursorExpired       Code = "cursor_expired"
	CodeNotAllowed          Code = "not_allowed"
	CodeTooLarge            Code = "too_large"
	CodeTooMany             Code = "too_many"
	CodeShuttingDown        Code = "shutting_down"
	CodeMethodNotAllowed    Code = "method_not_allowed"
	CodeInternal            Code = "internal"
)

// Error is an error for people and programs: a code to switch on and a detail
// that says what to do next. Two Errors match by errors.Is when their codes do.
type Error struct {
	Code   Code
	Detail string // what happened and what to do about it
	Field  string // the field at fault, if one is
	Limit  string // the limit that was passed, in words, if one was
	State  string // the state that forbade it, if one did
	Cursor string // the head of the event log, with cursor_expired
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Detail }

// Is reports whether target is an Error with the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Errorf returns an Error with a formatted detail.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Invalid returns the invalid_argument error of one field. limit may be empty.
func Invalid(field, limit, format string, args ...any) *Error {
	return &Error{Code: CodeInvalidArgument, Field: field, Limit: limit, Detail: fmt.Sprintf(format, args...)}
}
