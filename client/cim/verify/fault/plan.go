package fault

import (
	"cmp"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"
)

// Strike is one fault at one target.
type Strike struct {
	At     time.Duration // since the traffic began
	Lasts  time.Duration // until it is healed; healing takes its own time
	Fault  Fault
	Target int    // of the targets of the fault's class
	Roll   uint64 // what the fault decides by
}

func (s Strike) end() time.Duration { return s.At + s.Lasts }

// percent reports whether the n-th decision of the strike falls below p percent.
func (s Strike) percent(n int, p uint64) bool { return s.Roll>>(8*n)%100 < p }

// recovery is how long after its end a target is spared: it is coming back.
const recovery = time.Second

// Plan draws the strikes of a run, in the order of time. Every fault strikes for
// the first time within the first 40 % of the duration; all end within it. A
// strike at a target that is hit already takes the next one that is not, or does
// not happen; so does one that would hit the last node or route that stands.
func Plan(seed uint64, duration time.Duration, faults []Fault, targets func(Class) int) []Strike {
	var drawn []Strike
	for _, f := range faults {
		drawn = append(drawn, draw(seed, duration, f)...)
	}
	slices.SortStableFunc(drawn, func(a, b Strike) int { return cmp.Compare(a.At, b.At) })
	var plan []Strike
	for _, s := range drawn {
		if target, ok := aim(plan, s, targets(s.Fault.Hits())); ok {
			s.Target = target
			plan = append(plan, s)
		}
	}
	return plan
}

// draw returns the strikes of one fault, not aimed yet.
func draw(seed uint64, duration time.Duration, f Fault) []Strike {
	rng := rand.New(rand.NewPCG(seed, hash(f.Name())))
	rhythm := f.Rhythm()
	first := Span{min(rhythm.Every.Min, duration/20), min(rhythm.Every.Max, 2*duration/5)}
	var strikes []Strike
	for at := first.draw(rng); at < duration; at += rhythm.Every.draw(rng) {
		s := Strike{At: at, Lasts: rhythm.Lasts.draw(rng), Fault: f, Roll: rng.Uint64()}
		s.Lasts = min(s.Lasts, duration-at)
		strikes = append(strikes, s)
	}
	return strikes
}

// aim chooses one of n targets that no earlier strike holds.
func aim(plan []Strike, s Strike, n int) (target int, ok bool) {
	held := make(map[int]bool)
	for _, earlier := range plan {
		if earlier.Fault.Hits() == s.Fault.Hits() && s.At < earlier.end()+recovery {
			held[earlier.Target] = true
		}
	}
	if c := s.Fault.Hits(); len(held) >= n || (c == Nodes || c == Routes) && n > 1 && len(held) == n-1 {
		return 0, false
	}
	for target = int(s.Roll % uint64(n)); held[target]; {
		target = (target + 1) % n
	}
	return target, true
}

func hash(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	return h.Sum64()
}
