package ledger

import (
	"fmt"
	"math"
)

type device struct {
	user int64
	name string
}

// reader is a device to which messages are shown.
type reader struct {
	device
	place   int // index in the order of joining
	shown   []showing
	seen    map[key]int   // in which life a message was last shown
	when    map[key]int64 // when a message was first shown, us
	life    int           // increases when the device loses its history
	away    int64         // end of its last time without a connection, us; far ahead: it has none now
	left    int64         // when it last lost its connection, us
	offline []span        // earlier times without a connection
	visits  []visit
	trail   map[int64][]standing // entries of each log that it was shown
	ended   map[int64][]string   // earlier epochs, by log
	cim     *cimView             // nil: the device is no CIM client
}

// showing is a message that was shown to a device for the first time.
type showing struct {
	*message
	at      int64 // us
	process int
	life    int
	again   bool // the device was shown it before, in an earlier life
}

// logView is what is known about a log from the devices that read it.
type logView struct {
	at     map[Place]key
	places map[key]Place
}

func newLogView() *logView {
	return &logView{at: make(map[Place]key), places: make(map[key]Place)}
}

// leave records that the device has no connection.
func (r *reader) leave(at int64) {
	if r.away != math.MaxInt64 {
		r.left, r.away = at, math.MaxInt64
	}
	if n := len(r.visits); n > 0 && r.visits[n-1].to == math.MaxInt64 {
		r.visits[n-1].to = at
	}
}

// arrive records that the device is connected to a node, after another node or after no
// connection.
func (r *reader) arrive(at int64, node string) {
	if r.away == math.MaxInt64 {
		r.offline = append(r.offline, span{r.left, at})
	}
	r.leave(at)
	r.away = at
	r.visits = append(r.visits, visit{node, span{at, math.MaxInt64}})
}

// String names the device.
func (d device) String() string { return fmt.Sprintf("%d/%s", d.user, d.name) }
