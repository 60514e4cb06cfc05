package abuse

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
)

// Names of the phases of a run.
const (
	Quiet   = "quiet"
	Control = "control"
	Attack  = "attack"
)

// Report is what was measured.
type Report struct {
	CPUs    int
	Config  Config             `json:"-"`
	Phases  map[string][]Phase // by name, in the order of the runs
	Thrown  map[string]int     // how often a phase was thrown away, by name
	Own     Phase              // beside bodies from the users' own address
	Guesses Phase              // beside guesses at one account
}

func newReport(c Config) *Report {
	return &Report{CPUs: runtime.NumCPU(), Config: c, Phases: make(map[string][]Phase), Thrown: make(map[string]int)}
}

// The bounds that Missed checks.
const (
	mostSlower = 2.0      // p99 in the attack, as a multiple of the p99 in the control
	mostMemory = 64 << 20 // bytes that node and route may each have beyond those of the quiet phase
	mostHashed = 100      // guesses at one account in mostHashedIn
)

const mostHashedIn = 10 * time.Minute

// Slower returns the p99 time from sending a message to showing it in the attack, divided
// by that in the control. The result is the median of the runs.
func (r *Report) Slower() float64 {
	var ratios []float64
	for i, attacked := range r.Phases[Attack] {
		ratios = append(ratios, float64(attacked.ShownP99)/float64(max(1, r.Phases[Control][i].ShownP99)))
	}
	return procstat.Median(ratios)
}

// Grown returns how many more bytes a process had in the attack than in the quiet phase.
// The result is from the run with the largest growth.
func (r *Report) Grown(process string) (most int64) {
	for i, attacked := range r.Phases[Attack] {
		most = max(most, attacked.Memory[process]-r.Phases[Quiet][i].Memory[process])
	}
	return most
}

// guessesHashed returns how many passwords of guessers were hashed. The other hashed
// passwords are those of users.
func (p *Phase) guessesHashed() int { return max(0, p.Hashed-p.Home.OK-p.Roaming.OK) }

// hashedIn returns how many guesses would be hashed in a longer time. The default limit of
// wrong passwords allows one more per minute.
func (r *Report) hashedIn(d time.Duration) int {
	return r.Guesses.guessesHashed() + int(max(0, d-r.Guesses.Attack.Took)/time.Minute)
}

// Missed returns the bounds that the measurement exceeded, each as a sentence.
func (r *Report) Missed() (missed []string) {
	fail := func(format string, args ...any) { missed = append(missed, fmt.Sprintf(format, args...)) }
	if s := r.Slower(); s > mostSlower {
		fail("p99 is %.1f times the control's, want at most %.0f", s, mostSlower)
	}
	for _, process := range []string{"node", "route"} {
		if g := r.Grown(process); g > mostMemory {
			fail("the %s grew by %d MB, want at most %d", process, g>>20, mostMemory>>20)
		}
	}
	for name, phases := range map[string][]Phase{Attack: r.Phases[Attack], "unfinished bodies": {r.Own}, "guesses": {r.Guesses}} {
		for _, p := range phases {
			if p.Home.OK < p.Home.Tried {
				fail("%s: %d of %d logins from a known address succeeded", name, p.Home.OK, p.Home.Tried)
			}
			if p.Missing > 0 {
				fail("%s: %d of %d messages were not shown", name, p.Missing, p.Due)
			}
		}
	}
	if n := r.hashedIn(mostHashedIn); n > mostHashed {
		fail("%d guesses at one account are hashed in %v, want at most %d", n, mostHashedIn, mostHashed)
	}
	slices.Sort(missed)
	return missed
}

// JSON writes the report for machines. Times are nanoseconds.
func (r *Report) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
