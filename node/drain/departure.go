package drain

import (
	"time"

	"github.com/cim-go/cim/proto"
)

// Departure records how a session is sent to another node. The session's owner guards
// it.
type Departure struct {
	again time.Time // when the session is to be sent away again
	tried []string  // ids of the nodes to which it was sent
	told  bool      // CIM's own routes know that the session ends
}

// Due reports whether the session is to be sent away now, which is true for a nil
// Departure.
func (d *Departure) Due(now time.Time) bool { return d == nil || !now.Before(d.again) }

// Tried returns the ids of the nodes to which the session was sent.
func (d *Departure) Tried() []string {
	if d == nil {
		return nil
	}
	return d.tried
}

// Note records that the session was sent to the node with this id, or to none if the id
// is empty. It also records when the session is to be sent away again.
func (d *Departure) Note(again time.Time, node string) {
	d.again = again
	if node != "" {
		d.tried = append(d.tried, node)
	}
}

// Announce records that CIM's own routes know that the session ends.
func (d *Departure) Announce() { d.told = true }

// Announced reports whether CIM's own routes know that the session ends.
func (d *Departure) Announced() bool { return d != nil && d.told }

// moved reports whether a session that closed with this code counts as moved: it had
// been redirected, and the code shows that the client is connected elsewhere.
func (d *Departure) moved(code proto.Code) bool {
	return d != nil && len(d.tried) > 0 && (code == proto.OK || code == proto.Replaced)
}
