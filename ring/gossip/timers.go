package gossip

import (
	"time"

	"github.com/hashicorp/memberlist"
)

// Timers are memberlist's settings that decide how soon news is everywhere: for
// models of clusters that are larger than a test can start.
type Timers struct {
	Gossip     time.Duration // between two rounds
	Fanout     int           // members told in a round
	Retransmit int           // a member sends news in so many packets for each digit of the number of members
	Probe      time.Duration // between two probes of a member
	Suspicion  int           // a suspect has so many probe intervals, times the logarithm
	PushPull   time.Duration // between two exchanges of everything
}

// DefaultTimers returns those of every Gossip.
func DefaultTimers() Timers {
	c := memberlist.DefaultLANConfig()
	timing(c)
	return Timers{
		Gossip: c.GossipInterval, Fanout: c.GossipNodes, Retransmit: c.RetransmitMult,
		Probe: c.ProbeInterval, Suspicion: c.SuspicionMult, PushPull: c.PushPullInterval,
	}
}
