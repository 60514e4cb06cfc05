package scale

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cim-go/cim/ring/gossip"
)

// never is the time of a member that has not learned the news.
const never = time.Duration(math.MaxInt64)

// cluster is simulated members.
type cluster struct {
	timers gossip.Timers
	n      int
	loss   float64 // part of packets
	rng    *rand.Rand
}

// spread returns when each member knows what one of them knows at the time zero.
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

// tell makes member i tell some others, each once.
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

// exchange lets members that were not reached learn the news by an exchange of the whole
// state with another member, over TCP. Either of the two may begin it.
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

// death returns when each of the others knows that a member died at the time zero.
func (c *cluster) death() []time.Duration {
	found := never
	for range c.n - 1 { // each probes all others in an order of its own
		turn := time.Duration(c.rng.IntN(c.n-1)) * c.timers.Probe
		found = min(found, turn+time.Duration(c.rng.Int64N(int64(c.timers.Probe))))
	}
	suspected := found + c.timers.Probe
	objection := time.Duration(float64(c.timers.Suspicion) * max(1, math.Log10(float64(c.n))) * float64(c.timers.Probe))
	others := *c
	others.n--
	// A member that learns of the suspect waits for its objection, too. A member that
	// first learns that it is dead believes that at once.
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

// digits is ceil(log10(n+1)), as memberlist has it.
func digits(n int) int { return int(math.Ceil(math.Log10(float64(n + 1)))) }

// pushPull is memberlist's interval of exchanges: longer in clusters above 32.
func pushPull(interval time.Duration, n int) time.Duration {
	if n <= 32 {
		return interval
	}
	return time.Duration(math.Ceil(math.Log2(float64(n))-5)+1) * interval
}

// Convergence is how soon news is everywhere, over several trials.
type Convergence struct {
	Members int           `json:"members"`
	Loss    float64       `json:"loss"`    // part of packets
	Half    time.Duration `json:"half"`    // until half of the members know: median of the trials
	All     time.Duration `json:"all"`     // until all know: median
	Worst   time.Duration `json:"worst"`   // until all know: the worst trial
	Dead    time.Duration `json:"dead"`    // until all know that a member died: median
	Packets int           `json:"packets"` // that each member sends of one news
}

// Converge simulates it.
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
