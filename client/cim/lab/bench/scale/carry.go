package scale

import (
	"math"

	"github.com/cim-go/cim/client/cim/lab/bench"
	"github.com/cim-go/cim/ring/gossip"
)

// Costs has the CPU time of one event, in microseconds, and the memory of one connection,
// in bytes.
type Costs struct {
	Connection float64 `json:"connection"` // bytes of a node's memory, idle
	Delivery   float64 `json:"delivery"`   // node: one delivery of a message to many
	Node       float64 `json:"node"`       // node: a private message that is received and delivered
	Route      float64 `json:"route"`      // route: a private message
	Redis      float64 `json:"redis"`      // redis-server: a private message
}

// DefaultCosts are the costs that `cim bench` measured in the form "apart", on two cores
// of a virtual machine.
var DefaultCosts = Costs{Connection: 550, Delivery: 0.16, Node: 27, Route: 13, Redis: 10}

// CostsOf reads the measured costs from a report of `cim bench` in the form "apart".
// Costs that the report does not have keep their defaults.
func CostsOf(r *bench.Report) Costs {
	c := DefaultCosts
	for _, from := range []struct {
		load, figure string
		to           *float64
	}{
		{"idle, TCP", "memory a connection", &c.Connection},
		{"fanout, max", "  of node", &c.Delivery},
		{"pairs, closed", "  of node", &c.Node},
		{"pairs, closed", "  of route", &c.Route},
		{"pairs, closed", "  of redis-server", &c.Redis},
	} {
		if v, ok := r.Median(from.load, bench.Apart, from.figure); ok && v > 0 {
			*from.to = v
		}
	}
	return c
}

// Machine is what a node or a route runs on.
type Machine struct {
	Cores  float64 `json:"cores"`
	Memory float64 `json:"memory"` // bytes
	Use    float64 `json:"use"`    // part of the machine that may be used, from 0 to 1; the rest is a reserve in case other machines fail
	Most   float64 `json:"most"`   // the largest number of connections, see the flag -capacity
}

// Carried is the load that a number of nodes carry, and what they need for it.
type Carried struct {
	Nodes       int     `json:"nodes"`
	Connections float64 `json:"connections"`
	Messages    float64 `json:"messages"`    // private messages per second
	Deliveries  float64 `json:"deliveries"`  // deliveries of messages to many, per second
	Routes      float64 `json:"routes"`      // how many routes the messages need
	Masters     float64 `json:"masters"`     // how many masters of Redis the messages need
	Requests    float64 `json:"requests"`    // requests to nodes for one message to a group of 1,000
	Reconciling float64 `json:"reconciling"` // requests to routes per second, by reconciliation
	Gossip      float64 `json:"gossip"`      // bytes of gossip that each node sends per second
}

const (
	newsBytes     = 300  // bytes of one member's news in a packet
	loadsASecond  = 4    // see ring.LoadInterval
	heldInRequest = 1000 // sessions of one request that reconciles
	reconcileTime = 30   // seconds
	groupOf       = 1000
)

// Carry computes the load that the nodes carry, by the formulas in the package's comment.
func Carry(nodes int, c Costs, m Machine) Carried {
	n := float64(nodes)
	cpu := m.Cores * m.Use * 1e6 // microseconds of CPU per second
	connections := min(m.Most, m.Memory*m.Use/c.Connection)
	messages := n * cpu / c.Node
	return Carried{
		Nodes:       nodes,
		Connections: n * connections,
		Messages:    messages,
		Deliveries:  n * cpu / c.Delivery,
		Routes:      math.Ceil(messages * c.Route / cpu),
		Masters:     math.Ceil(messages * c.Redis / (m.Use * 1e6)),
		Requests:    Touched(nodes, groupOf),
		Reconciling: n * max(1, connections/reconcileTime/heldInRequest),
		Gossip:      float64(loadsASecond * gossip.DefaultTimers().Retransmit * digits(nodes) * newsBytes),
	}
}

// Touched returns how many of n nodes hold at least one member of a group with the given
// number of members, on average.
func Touched(n, members int) float64 {
	return float64(n) * (1 - math.Pow(1-1/float64(n), float64(members)))
}
