package drain

import (
	"time"

	"github.com/cim-go/cim/proto"
)

// Departure is how far a session has come on its way to another node. Its owner guards
// it.
type Departure struct {
	again time.Time // when it is to be sent away again
	tried []string  // ids of nodes to which it was sent
	told  bool      // CIM's own routes know that it ends
}

// Due reports whether the session is to be sent away now. A nil Departure is due.
func (d *Departure) Due(now time.Time) bool { return d == nil || !now.Before(d.again) }

// Tried returns the ids of the nodes to which the session was sent.
func (d *Departure) Tried() []string {
	if d == nil {
		return nil
	}
	return d.tried
}

// Note records the node to which the session was sent, or none if it is empty. It also
// records when the session is to be sent away again.
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

// moved reports whether a session that closed with a code had been moved. The code
// shows that its client has another connection.
func (d *Departure) moved(code proto.Code) bool {
	return d != nil && len(d.tried) > 0 && (code == proto.OK || code == proto.Replaced)
}
