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

// place is where a page begins. A client could forge a cursor with any place, so each
// step checks what the user may read.
type place struct {
	User    int64 `json:"u"`
	Part    int   `json:"p,omitempty"` // one of the constants above
	Records int64 `json:"r,omitempty"` // how many lines come before this place, without the header

	// In a list, After is the number of the last entry that was written. For delayed
	// messages, the place also has the entry's id.
	After int64  `json:"a,omitempty"`
	ID    string `json:"i,omitempty"`

	At    proto.Position `json:"at,omitzero"` // the last entry of the log that was read
	End   int64          `json:"e,omitempty"` // where the log ended when the export came to it
	Begun bool           `json:"b,omitempty"` // the lines before the log's messages were written
}

// begins reports whether nothing was written yet.
func (p place) begins() bool { return p == place{User: p.User} }

// cursor returns the place as a text, which parsePlace reads.
func (p place) cursor() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // a place has only numbers and texts
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parsePlace reads a cursor of a user's export. An empty cursor stands for the beginning.
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
