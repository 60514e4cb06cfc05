package fault

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/client/cim/lab/verify/crowd"
)

// Class is a kind of target that a fault can hit. A target has at most one fault at a
// time.
type Class string

// The classes.
const (
	Nodes       Class = "node"
	Routes      Class = "route"
	NodeClocks  Class = "clock of a node"
	RouteClocks Class = "clock of a route"
	Store       Class = "store"
	Clock       Class = "clock" // of the store
	ZooKeeper   Class = "zookeeper"
	Gossip      Class = "gossip"
	Link        Class = "link"
	Devices     Class = "device"
	Crowd       Class = "crowd" // all devices
	Files       Class = "file"  // a device that keeps its history in a file
	Proxy       Class = "proxy"
)

// Fault is one way in which things break.
type Fault interface {
	Name() string
	Story() string // what happens, in a line for people
	Hits() Class
	Rhythm() Rhythm
	// Missing returns the reason why this fault cannot happen in the world, or an empty
	// text if it can.
	Missing(*World) string
	// Inject hits the strike's target. After an error nothing is broken, unless the wound
	// has a Heal.
	Inject(context.Context, *World, Strike) (Wound, error)
}

// Rhythm is how often a fault comes and how long it lasts.
type Rhythm struct {
	Every Span // from one strike to the next
	Lasts Span
	Late  bool // the fault happens once, when most of the traffic is over
}

// Span is a range of durations, both ends included.
type Span struct{ Min, Max time.Duration }

func (s Span) draw(rng *rand.Rand) time.Duration {
	return s.Min + time.Duration(rng.Int64N(int64(s.Max-s.Min)+1))
}

// Wound is a fault that has happened to a target.
type Wound struct {
	What string // in words: node-2 killed
	// Tail is how far back the store may have lost writes. It is zero unless a primary is
	// gone.
	Tail time.Duration
	// Alone is how long the replicas of the store get nothing from their primary. It is
	// shorter if the wound is healed earlier.
	Alone time.Duration
	// Empty: the store has lost everything. Restored: the messages of Tail are gone
	// even if replicas had accepted them.
	Empty, Restored bool
	// On is the device that was hit; nil: a server, or all devices.
	On crowd.Guest
	// Heal ends the fault, and blocks until the target is ready again. After an error it
	// may be called again. nil: the fault heals by itself.
	Heal func(context.Context) error
}

// All returns every fault there is.
func All() []Fault {
	return []Fault{
		nodeKill{}, nodePause{}, nodeDrain{}, clockNode{}, gossipCut{}, lossyNet{}, routeKill{}, routePause{}, routeKey{}, clockRoute{},
		redisKill{}, redisCut{}, redisFailover{}, replicaPause{}, clusterFailover{}, slotMigration{}, clockSkew{},
		storePause{}, storeSlow{}, storeFull{}, storeReadOnly{}, storeEmpty{}, storeOlder{},
		zkStop{}, zkExpire{}, repeatProxy{},
		clientFlap{}, slowReader{}, impatient{}, twinDevice{}, powerCut{}, massReconnect{}, manyGroups{},
	}
}

// NeedsNetwork reports whether the fault with this name needs a network of the run's own,
// see OwnNetwork.
func NeedsNetwork(name string) bool {
	return name == (gossipCut{}).Name() || name == (lossyNet{}).Name()
}

// World has everything that faults can break.
type World struct {
	cluster *up.Cluster
	devices []crowd.Guest
	files   []*crowd.Device // those with a history file
	crowded []*crowd.Device // the devices of users in the largest allowed number of groups
	seats   []*seat
	noZK    string
	signals bool // see up.Signals

	noNetwork string // see NewWorld

	repeaters *Repeaters // nil: there are no proxies in front of the routes
	keys      *RouteKeys // nil: the store has the routes' key
}

// NewWorld returns the world of a cluster that just started and its users. The parameter
// noZK is the reason why there is no ZooKeeper. The parameter noNetwork is the reason why
// the run has no network of its own. The parameters repeaters and keys may be nil.
func NewWorld(cluster *up.Cluster, people *crowd.Crowd, noZK, noNetwork string, repeaters *Repeaters, keys *RouteKeys) *World {
	w := &World{
		cluster: cluster, devices: people.Guests(), files: people.Files(), crowded: people.Crowded(),
		noZK: noZK, noNetwork: noNetwork, signals: up.Signals, repeaters: repeaters, keys: keys,
	}
	for _, n := range cluster.Nodes() {
		w.seats = append(w.seats, &seat{node: n})
	}
	return w
}

// noPause returns the reason why processes cannot be paused, or an empty text if they
// can.
func (w *World) noPause() string {
	if w.signals {
		return ""
	}
	return up.ErrNoPause.Error()
}

// Targets returns how many targets of a class there are.
func (w *World) Targets(c Class) int {
	switch c {
	case Nodes, NodeClocks:
		return len(w.seats)
	case Routes, RouteClocks:
		return len(w.cluster.Routes())
	case Devices:
		return len(w.devices)
	case Files:
		return len(w.files)
	default:
		return 1
	}
}

// Fallen returns the nodes, routes and servers of the store that have ended by
// themselves. Call it only when all faults are healed.
func (w *World) Fallen() []string {
	var fallen []string
	for _, s := range w.seats {
		if n := s.current(); !n.Running() {
			fallen = append(fallen, n.Name)
		}
	}
	for _, r := range w.cluster.Routes() {
		if !r.Running() {
			fallen = append(fallen, r.Name)
		}
	}
	for _, addr := range w.cluster.StoresEnded() {
		fallen = append(fallen, "the store at "+addr)
	}
	return fallen
}
