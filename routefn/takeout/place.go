package takeout

import (
	"bytes"
	"encoding/base64"
	"encoding/json"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
)

// The parts of an export, in the order of their lines.
const (
	partAccount = iota
	partContacts
	partInvitations
	partReports
	partDelayed
	partLogs
	partEnd
)

// place is where a page begins. A client may change what a cursor says: each step checks
// what the user may read.
type place struct {
	User    int64 `json:"u"`
	Part    int   `json:"p,omitempty"` // one of the constants above
	Records int64 `json:"r,omitempty"` // lines before it, without the header

	// In a list: the last entry that was written, by its number, and of delayed messages also
	// by its id.
	After int64  `json:"a,omitempty"`
	ID    string `json:"i,omitempty"`

	At    proto.Position `json:"at,omitzero"` // the last entry that was read of a log
	End   int64          `json:"e,omitempty"` // where that log ended when the export came to it
	Begun bool           `json:"b,omitempty"` // the lines before its messages were written
}

// begins reports whether nothing was written yet.
func (p place) begins() bool { return p == place{User: p.User} }

// cursor returns the text that parsePlace reads.
func (p place) cursor() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // it has numbers and texts only
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parsePlace reads a cursor of a user's export. An empty one is the beginning.
func parsePlace(cursor string, user int64) (place, error) {
	if cursor == "" {
		return place{User: user}, nil
	}
	bad := check.Invalid("The cursor is not one that a page of this user's export returned.")
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return place{}, bad
	}
	var p place
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil || p.User != user || !p.valid() {
		return place{}, bad
	}
	return p, nil
}

// valid reports whether all values are in their ranges.
func (p place) valid() bool {
	for _, n := range []int64{p.Records, p.After, p.End} {
		if n < 0 || n > proto.MaxUser {
			return false
		}
	}
	return p.Part >= 0 && p.Part < partEnd && (p.ID == "" || proto.ValidID(p.ID)) && check.Pull(p.At, 1) == nil
}
