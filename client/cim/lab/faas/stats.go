package faas

import (
	"fmt"
	"slices"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
)

// Stats has the counts and times of the instances of a Function.
type Stats struct {
	Invocations int `json:"invocations"`
	Started     int `json:"started"` // instances
	Frozen      int `json:"frozen"`  // how often an instance was frozen
	Killed      int `json:"killed"`  // instances, by Config.KillEvery

	Requests Spread  `json:"requests"` // events handed to each instance
	Cold     Latency `json:"cold"`     // first answers of instances, timed from the start of the process
	Warm     Latency `json:"warm"`     // all other answers, timed from when the instance was resumed
}

// Spread shows how a number differs from one instance to another.
type Spread struct {
	Min    int `json:"min"`
	Median int `json:"median"`
	Max    int `json:"max"`
}

// Latency is how long answers took, within 3 %, in nanoseconds in JSON.
type Latency struct {
	Count int           `json:"count"`
	P50   time.Duration `json:"p50"`
	P99   time.Duration `json:"p99"`
}

// Rows returns the figures for people, each with its name.
func (s Stats) Rows() [][2]string {
	return [][2]string{
		{"function instances", fmt.Sprintf("started %d, frozen %d times, killed %d", s.Started, s.Frozen, s.Killed)},
		{"  requests of each", fmt.Sprintf("min %d, median %d, max %d; all together %d",
			s.Requests.Min, s.Requests.Median, s.Requests.Max, s.Invocations)},
		{"  cold", s.Cold.String() + ", from the start of the process to its first answer"},
		{"  warm", s.Warm.String()},
	}
}

// String returns the figures as people write them.
func (l Latency) String() string {
	return fmt.Sprintf("p50 %v, p99 %v of %d", l.P50.Round(10*time.Microsecond), l.P99.Round(10*time.Microsecond), l.Count)
}

// tally has the counts of a Function. The mutex of the Function guards it.
type tally struct {
	invocations, started, frozen, killed int

	ended      []int // events handed to each instance that has ended
	cold, warm procstat.Histogram
}

// answered counts an answer of an instance.
func (t *tally) answered(i *instance, took time.Duration) {
	if !i.warm {
		i.warm = true
		t.cold.Record(time.Since(i.begun))
		return
	}
	t.warm.Record(took)
}

func (t *tally) stats(running map[*instance]bool) Stats {
	handed := slices.Clone(t.ended)
	for i := range running {
		handed = append(handed, i.handed)
	}
	return Stats{
		Invocations: t.invocations, Started: t.started, Frozen: t.frozen, Killed: t.killed,
		Requests: spreadOf(handed), Cold: latencyOf(&t.cold), Warm: latencyOf(&t.warm),
	}
}

func spreadOf(list []int) Spread {
	if len(list) == 0 {
		return Spread{}
	}
	slices.Sort(list)
	return Spread{Min: list[0], Median: list[len(list)/2], Max: list[len(list)-1]}
}

func latencyOf(h *procstat.Histogram) Latency {
	return Latency{Count: int(h.Count()), P50: h.Quantile(0.5), P99: h.Quantile(0.99)}
}
