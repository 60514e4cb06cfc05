package scale

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cim-go/cim/ring/gossip"
)

// never stands for the time of a member that has not learned the news.
const never = time.Duration(math.MaxInt64)

// cluster is a simulated cluster.
type cluster struct {
	timers gossip.Timers
	n      int
	loss   float64 // part of packets that are lost, from 0 to 1
	rng    *rand.Rand
}

// spread returns when each member learns the news that one member has at the time zero.
// Members are in the order of their phases.
func (c *cluster) spread() []time.Duration {
	known := make([]time.Duration, c.n)
	for i := range known {
		known[i] = never
	}
	known[c.rng.IntN(c.n)] = 0
	phases := c.phases(c.timers.Gossip)
	left := make([]int, c.n) // packets that a member may still send
	for i := range left {
		left[i] = c.timers.Retransmit * digits(c.n)
	}
	for begin, busy := time.Duration(0), true; busy; begin += c.timers.Gossip {
		busy = false
		for i, phase := range phases {
			at := begin + phase
			if left[i] == 0 || known[i] == never {
				continue
			}
			busy = true
			if known[i] > at {
				continue
			}
			c.tell(i, at, min(c.timers.Fanout, left[i]), known)
			left[i] -= min(c.timers.Fanout, left[i])
		}
	}
	c.exchange(known)
	return known
}

// tell makes member i send the news to random other members, once to each. The parameter
// fanout is the number of these members.
func (c *cluster) tell(i int, at time.Duration, fanout int, known []time.Duration) {
	told := make([]int, 0, 8)
	for len(told) < min(fanout, c.n-1) {
		j := c.other(i)
		if slices.Contains(told, j) {
			continue
		}
		told = append(told, j)
		if c.rng.Float64() >= c.loss {
			known[j] = min(known[j], at)
		}
	}
}

// exchange is for members that no packet reached. They learn the news when they exchange
// the whole state with another member, over TCP. Either of the two may begin the
// exchange.
func (c *cluster) exchange(known []time.Duration) {
	interval := pushPull(c.timers.PushPull, c.n)
	phases := c.phases(interval)
	for begin := time.Duration(0); slices.Contains(known, never); begin += interval {
		for i, phase := range phases {
			at, j := begin+phase, c.other(i)
			if known[i] <= at {
				known[j] = min(known[j], at)
			} else if known[j] <= at {
				known[i] = at
			}
		}
	}
}

// death returns when each of the other members learns that a member died at the time
// zero.
func (c *cluster) death() []time.Duration {
	found := never
	for range c.n - 1 { // each member probes all others, in an order of its own
		turn := time.Duration(c.rng.IntN(c.n-1)) * c.timers.Probe
		found = min(found, turn+time.Duration(c.rng.Int64N(int64(c.timers.Probe))))
	}
	suspected := found + c.timers.Probe
	objection := time.Duration(float64(c.timers.Suspicion) * max(1, math.Log10(float64(c.n))) * float64(c.timers.Probe))
	others := *c
	others.n--
	// A member that learns of the suspicion waits for the suspect's objection, too. A
	// member whose first news is the suspect's death believes that at once.
	suspicion, verdict := others.spread(), others.spread()
	for i := range suspicion {
		suspicion[i] = suspected + objection + min(suspicion[i], verdict[i])
	}
	return suspicion
}

func (c *cluster) phases(interval time.Duration) []time.Duration {
	phases := make([]time.Duration, c.n)
	for i := range phases {
		phases[i] = time.Duration(c.rng.Int64N(int64(interval)))
	}
	slices.Sort(phases)
	return phases
}

// other returns anybody but i.
func (c *cluster) other(i int) int {
	j := c.rng.IntN(c.n - 1)
	if j >= i {
		j++
	}
	return j
}

// digits returns ceil(log10(n+1)), as in memberlist.
func digits(n int) int { return int(math.Ceil(math.Log10(float64(n + 1)))) }

// pushPull returns memberlist's interval between two exchanges. It is longer in clusters
// with more than 32 members.
func pushPull(interval time.Duration, n int) time.Duration {
	if n <= 32 {
		return interval
	}
	return time.Duration(math.Ceil(math.Log2(float64(n))-5)+1) * interval
}

// Convergence has the times in which news reaches all members, from several trials.
type Convergence struct {
	Members int           `json:"members"`
	Loss    float64       `json:"loss"`    // part of packets that are lost, from 0 to 1
	Half    time.Duration `json:"half"`    // time until half of the members know; median of the trials
	All     time.Duration `json:"all"`     // time until all know; median
	Worst   time.Duration `json:"worst"`   // time until all know; the worst trial
	Dead    time.Duration `json:"dead"`    // time until all know that a member died; median
	Packets int           `json:"packets"` // packets that each member sends for one piece of news
}

// Converge simulates how news spreads.
func Converge(members int, loss float64, trials int, seed uint64) Convergence {
	c := cluster{gossip.DefaultTimers(), members, loss, rand.New(rand.NewPCG(seed, uint64(members)))}
	var half, all, dead []time.Duration
	for range trials {
		known := slices.Sorted(slices.Values(c.spread()))
		half, all = append(half, known[len(known)/2]), append(all, known[len(known)-1])
		dead = append(dead, slices.Max(c.death()))
	}
	slices.Sort(half)
	slices.Sort(all)
	slices.Sort(dead)
	return Convergence{
		Members: members, Loss: loss, Half: half[trials/2], All: all[trials/2], Worst: all[trials-1], Dead: dead[trials/2],
		Packets: c.timers.Retransmit * digits(members),
	}
}
