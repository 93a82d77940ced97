package stream

import (
	"bytes"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// ByHand is a session without goroutines: what they do is done by whoever
// calls its methods, one at a time, in the order and at the moments that he
// likes. Simulations of whole devices have the real sessions in this way, and
// one seed has one course. Nothing else uses it.
type ByHand struct {
	*Session
	in      bytes.Buffer
	reader  *reader
	retired bool
	over    bool

	finishedWriting bool
}

// OpenByHand opens a session on a stream, of which no byte is read or written:
// Batch and Arrive take their place. Errors: too_many.
func (t *Transport) OpenByHand(raw network.Stream, opener bool) (*ByHand, error) {
	h := &ByHand{Session: newSession(t, raw, opener)}
	h.reader = newReader(h.Session, &h.in)
	if err := t.admit(h.Session); err != nil {
		return nil, err
	}
	poke(h.nudge) // the keeper looks at once
	if opener {
		t.up(h.Session, false)
	}
	return h, nil
}

// Batch takes what is queued, as the writer does. last says that there will be
// nothing more, and that the stream was told.
func (h *ByHand) Batch() (batch []byte, last bool) {
	select {
	case <-h.wake:
	default:
		return nil, false
	}
	for !h.Over() && !h.over && !h.finishedWriting {
		more, last := h.batch(nil)
		if last {
			h.finishedWriting = true
			h.closeWrite()
			return batch, true
		}
		if len(more) == 0 {
			break
		}
		h.written()
		batch = append(batch, more...)
	}
	return batch, false
}

// Arrive reads whole frames, as the reader does; nil is the end of the stream.
func (h *ByHand) Arrive(frames []byte) {
	if h.over || h.Over() {
		return
	}
	if frames == nil {
		h.finished(func() { h.readAll = true })
		return
	}
	h.in.Write(frames)
	if err := h.reader.readAll(); err != io.EOF {
		h.in.Reset()
	}
}

// Break is the end of the stream's connection.
func (h *ByHand) Break(why error) { h.stop(why, network.StreamNoError) }

// Nudged reports whether the keeper would wake now.
func (h *ByHand) Nudged() bool {
	select {
	case <-h.nudge:
		return true
	default:
		return h.Over()
	}
}

// Over reports whether the session has stopped and waits to be taken down.
func (h *ByHand) Over() bool {
	select {
	case <-h.stopped:
		return !h.over
	default:
		return false
	}
}

// Keep is one round of the keeper. It returns when the next one is due, or
// that the session has ended and everybody was told.
func (h *ByHand) Keep() (next time.Duration, ended bool) {
	if h.over {
		return 0, true
	}
	if !h.Over() {
		next = h.check(h.t.now())
		if h.isClosing() && !h.retired {
			h.retired = true
			h.t.retire(h.Session)
		}
	}
	if !h.Over() {
		return next, false
	}
	h.over = true
	h.takeDown(func() { _ = h.raw.Conn().Close() })
	h.t.down(h.Session)
	return 0, true
}
