package ledger

import (
	"fmt"
	"math"
)

type device struct {
	user int64
	name string
}

// reader is a device that messages are shown to.
type reader struct {
	device
	place   int // among those who joined
	shown   []showing
	seen    map[key]int   // the life in which it was shown last
	when    map[key]int64 // us, when it was shown first
	life    int           // begins anew when what was kept is lost
	away    int64         // us, until when it had no connection last; far ahead: it has none
	left    int64         // us, when it lost its connection last
	offline []span        // when it had none before
	visits  []visit
	trail   map[int64][]standing // what stands in each log, as far as it was shown it
	ended   map[int64][]string   // epochs that were left, by log
	cim     *cimView             // nil: it is no CIM client
}

// showing is a message that was shown to a device for the first time.
type showing struct {
	*message
	at      int64 // us
	process int
	life    int
	again   bool // in a later life
}

// logView is what the devices that read a log told of it.
type logView struct {
	at     map[Place]key
	places map[key]Place
}

func newLogView() *logView {
	return &logView{at: make(map[Place]key), places: make(map[key]Place)}
}

// leave notes that the device has no connection.
func (r *reader) leave(at int64) {
	if r.away != math.MaxInt64 {
		r.left, r.away = at, math.MaxInt64
	}
	if n := len(r.visits); n > 0 && r.visits[n-1].to == math.MaxInt64 {
		r.visits[n-1].to = at
	}
}

// arrive notes that the device is connected to a node, from another or from none.
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
