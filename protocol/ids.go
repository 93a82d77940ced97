package protocol

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// StreamID is the libp2p protocol ID of a session, the stream between two
// daemons that carries the messages of all their invitations. A change that
// an old daemon cannot tolerate gets a new ID.
const StreamID = "/beckon/invitation/1.0.0"

// PeerID is the text form of a libp2p peer ID. This package never looks into it.
type PeerID string

// ID names one invitation: 128 bits, made by the caller's daemon as a UUIDv7
// (RFC 9562, section 5.7). Its time part is never read.
type ID [16]byte

// NewID returns a fresh ID. Two IDs made by one process in order compare in
// order only by the millisecond; nothing may depend on it.
func NewID() ID {
	var id ID
	rand.Read(id[:]) // never fails: crypto/rand crashes the program instead
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(time.Now().UnixMilli()))
	copy(id[:6], ms[2:])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// ParseID reads the text form that String writes, in either letter case.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, fmt.Errorf("an invitation id has 36 characters like 01890a5d-ac96-774b-bcce-b302099a8057")
	}
	if _, err := hex.Decode(id[:], []byte(s[:8]+s[9:13]+s[14:18]+s[19:23]+s[24:])); err != nil {
		return ID{}, fmt.Errorf("an invitation id is made of hexadecimal digits and dashes")
	}
	return id, nil
}

// String returns the canonical UUID text form, 36 lower-case characters.
func (id ID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// IsZero reports whether id names nothing. The zero ID never goes on the wire.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders IDs as bytes: negative, zero or positive.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// MarshalText writes the canonical text form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what ParseID reads.
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}
