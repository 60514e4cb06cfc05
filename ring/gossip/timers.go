package gossip

import (
	"time"

	"github.com/hashicorp/memberlist"
)

// Timers are the settings of memberlist that decide how fast a change reaches all
// members. They are exported for models (cim bench scale) of clusters that are too large
// for a test.
type Timers struct {
	Gossip     time.Duration // between two rounds
	Fanout     int           // how many members get a packet in a round
	Retransmit int           // how many packets each member sends about a change, per digit of the number of members
	Probe      time.Duration // between two probes of a member
	Suspicion  int           // how many probe intervals until a suspect is dead, per max(1, log10(members))
	PushPull   time.Duration // between two exchanges of the whole state
}

// DefaultTimers returns the settings of every Gossip.
func DefaultTimers() Timers {
	c := memberlist.DefaultLANConfig()
	timing(c)
	return Timers{
		Gossip: c.GossipInterval, Fanout: c.GossipNodes, Retransmit: c.RetransmitMult,
		Probe: c.ProbeInterval, Suspicion: c.SuspicionMult, PushPull: c.PushPullInterval,
	}
}
