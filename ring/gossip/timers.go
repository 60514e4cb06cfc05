package gossip

import (
	"time"

	"github.com/hashicorp/memberlist"
)

// Timers are the settings of memberlist that decide how fast a change reaches all
// members. Models of clusters that are too large for a test use them.
type Timers struct {
	Gossip     time.Duration // between two rounds
	Fanout     int           // members that get a packet in a round
	Retransmit int           // packets per change and member, per digit of the number of members
	Probe      time.Duration // between two probes of a member
	Suspicion  int           // probe intervals until a suspect is dead, per max(1, log10(members))
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
