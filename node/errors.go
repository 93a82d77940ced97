package node

import "errors"

// How a subscription ends before its reader does.
var (
	// ErrStopping says that the node stops in order: nothing more will come
	// from this instance; the reader resumes with its cursor at the next.
	ErrStopping = errors.New("the node is stopping")
	// ErrLagged says that the reader has fallen too far behind: it resumes with
	// its cursor and loses nothing.
	ErrLagged = errors.New("the reader has fallen behind")
)
