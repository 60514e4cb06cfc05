package fault

import (
	"cmp"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"
)

// Strike is one planned fault at one target.
type Strike struct {
	At     time.Duration // since the traffic began
	Lasts  time.Duration // until it is healed; healing takes its own time
	Fault  Fault
	Turn   int    // how many strikes of the fault were drawn before it
	Target int    // index among the targets of the fault's class
	Roll   uint64 // random bits by which the fault makes its decisions
}

func (s Strike) end() time.Duration { return s.At + s.Lasts }

// percent reports whether the n-th decision of the strike falls below p percent.
func (s Strike) percent(n int, p uint64) bool { return s.Roll>>(8*n)%100 < p }

// recovery is how long after the end of a strike no other strike hits the same target. The
// target needs this time to come back.
const recovery = time.Second

// Plan draws the strikes of a run, in the order of time. All end within the run's
// duration. The first strike of a fault is due within the first 40 % of this time. For a
// late fault, it is due within the last 40 %. The first strikes of all faults are placed
// before any others. If all targets are taken, a first strike is moved to a later or an
// earlier time, and is shortened if need be. Any other strike takes the next free target,
// or is left out if there is none. A strike that would hit the last node or route that
// still runs is left out, too.
func Plan(seed uint64, duration time.Duration, faults []Fault, targets func(Class) int) []Strike {
	var firsts, others, plan []Strike
	for _, f := range faults {
		if drawn := draw(seed, duration, f); len(drawn) > 0 {
			firsts, others = append(firsts, drawn[0]), append(others, drawn[1:]...)
		}
	}
	sortByTime(firsts)
	for _, s := range firsts {
		if s, ok := place(plan, s, duration, targets(s.Fault.Hits())); ok {
			plan = append(plan, s)
		}
	}
	sortByTime(others)
	for _, s := range others {
		if s, ok := aim(plan, s, targets(s.Fault.Hits())); ok {
			plan = append(plan, s)
		}
	}
	sortByTime(plan)
	return plan
}

func sortByTime(strikes []Strike) {
	slices.SortStableFunc(strikes, func(a, b Strike) int { return cmp.Compare(a.At, b.At) })
}

// draw returns the strikes of one fault, which have no targets yet.
func draw(seed uint64, duration time.Duration, f Fault) []Strike {
	rng := rand.New(rand.NewPCG(seed, hash(f.Name())))
	rhythm := f.Rhythm()
	first := Span{min(rhythm.Every.Min, duration/20), min(rhythm.Every.Max, 2*duration/5)}
	if rhythm.Late {
		first = Span{6 * duration / 10, 7 * duration / 10}
	}
	var strikes []Strike
	for at := first.draw(rng); at < duration; at += rhythm.Every.draw(rng) {
		s := Strike{At: at, Lasts: rhythm.Lasts.draw(rng), Fault: f, Turn: len(strikes), Roll: rng.Uint64()}
		s.Lasts = min(s.Lasts, duration-at)
		strikes = append(strikes, s)
		if rhythm.Late {
			break
		}
	}
	return strikes
}

// placeStep is the step by which place moves a strike in time until a target is free.
const placeStep = 250 * time.Millisecond

// place finds a time and a target for a strike that has to happen. It chooses the first
// time at which a target is free. It tries the times from the due time to the end, and
// then the times before the due time. At last it tries the shortest length that the fault
// allows.
func place(plan []Strike, s Strike, duration time.Duration, n int) (Strike, bool) {
	for _, lasts := range []time.Duration{s.Lasts, min(s.Lasts, s.Fault.Rhythm().Lasts.Min)} {
		moved := s
		moved.Lasts = lasts
		for moved.At = s.At; moved.end() <= duration; moved.At += placeStep {
			if aimed, ok := aim(plan, moved, n); ok {
				return aimed, true
			}
		}
		for moved.At = s.At - placeStep; moved.At >= 0; moved.At -= placeStep {
			if aimed, ok := aim(plan, moved, n); ok {
				return aimed, true
			}
		}
	}
	return s, false
}

// aim chooses one of n targets that no other strike of the plan hits at the same time.
func aim(plan []Strike, s Strike, n int) (Strike, bool) {
	held := make(map[int]bool)
	for _, other := range plan {
		if other.Fault.Hits() == s.Fault.Hits() && s.At < other.end()+recovery && other.At < s.end()+recovery {
			held[other.Target] = true
		}
	}
	if c := s.Fault.Hits(); len(held) >= n || (c == Nodes || c == Routes) && n > 1 && len(held) == n-1 {
		return s, false
	}
	for s.Target = int(s.Roll % uint64(n)); held[s.Target]; {
		s.Target = (s.Target + 1) % n
	}
	return s, true
}

func hash(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	return h.Sum64()
}
