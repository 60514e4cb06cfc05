package abuse

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/attack"
	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
)

var columns = []string{Quiet, Control, Attack}

// Print writes the report for people: a table of the phases, and then the outcomes of the
// attackers' tries.
func (r *Report) Print(w io.Writer) error {
	var b bytes.Buffer
	c := r.Config
	fmt.Fprintf(&b, "%d unfinished bodies, %d guessers, one flooder, %d unfinished frames; %d pairs write %g messages per second\n",
		c.Bodies, c.Guessers, c.Frames, c.Pairs, c.Rate)
	r.table(&b)
	fmt.Fprintf(&b, "\nwhat the attackers got, in %v of each run\n", c.Duration)
	r.gains(&b)
	fmt.Fprintf(&b, "\n%d unfinished bodies from the users' own address: logins %d of %d\n", c.OwnBodies, r.Own.Home.OK, r.Own.Home.Tried)
	g := r.Guesses
	fmt.Fprintf(&b, "%d guesses at one account from %d addresses in %v: %d hashed, so %d in %v; logins %d of %d\n",
		g.Attack.Guesses.Tried, c.Addresses, c.GuessTime, g.guessesHashed(), r.hashedIn(mostHashedIn), mostHashedIn, g.Home.OK, g.Home.Tried)
	fmt.Fprintf(&b, "\nmedians of %d runs on %d CPUs, memory of the worst; thrown away because a timer was late: %d quiet, %d control, %d attack\n",
		c.Runs, r.CPUs, r.Thrown[Quiet], r.Thrown[Control], r.Thrown[Attack])
	for _, m := range r.Missed() {
		fmt.Fprintln(&b, "missed:", m)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (r *Report) table(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(table, "\t%s\tbound\n", strings.Join(columns, "\t"))
	row := func(name, bound string, cell func([]Phase) string) {
		fmt.Fprintf(table, "  %s", name)
		for _, c := range columns {
			fmt.Fprintf(table, "\t%s", cell(r.Phases[c]))
		}
		fmt.Fprintf(table, "\t%s\n", bound)
	}
	row("shown p50", "", times(func(p Phase) time.Duration { return p.ShownP50 }))
	row("shown p99", fmt.Sprintf("x%.2f of the control's, at most %.0f", r.Slower(), mostSlower), times(func(p Phase) time.Duration { return p.ShownP99 }))
	row("not shown", "0", func(list []Phase) string {
		due, missing := 0, 0
		for _, p := range list {
			due, missing = due+p.Due, missing+p.Missing
		}
		return fmt.Sprintf("%d of %d", missing, due)
	})
	r.logins(row, "known address", "all", func(p Phase) Logins { return p.Home })
	r.logins(row, "new address", "", func(p Phase) Logins { return p.Roaming })
	for _, process := range []string{"node", "route", "redis-server"} {
		bound := fmt.Sprintf("+%.0f MB", megabytes(r.Grown(process)))
		if process != "redis-server" {
			bound += fmt.Sprintf(", at most +%d MB", mostMemory>>20)
		}
		row("memory of "+process, bound, func(list []Phase) string {
			var most int64
			for _, p := range list {
				most = max(most, p.Memory[process])
			}
			return fmt.Sprintf("%.1f MB", megabytes(most))
		})
	}
	_ = table.Flush() // to memory
}

func (r *Report) logins(row func(name, bound string, cell func([]Phase) string), from, bound string, of func(Phase) Logins) {
	row("logins, "+from, bound, func(list []Phase) string {
		tried, ok := 0, 0
		for _, p := range list {
			tried, ok = tried+of(p).Tried, ok+of(p).OK
		}
		return fmt.Sprintf("%d of %d", ok, tried)
	})
	row("  p50", "", times(func(p Phase) time.Duration { return of(p).P50 }))
	row("  p99", "", times(func(p Phase) time.Duration { return of(p).P99 }))
}

// times returns a function that makes the cell of a time: its median.
func times(of func(Phase) time.Duration) func([]Phase) string {
	return func(list []Phase) string {
		var values []float64
		for _, p := range list {
			values = append(values, of(p).Seconds()*1000)
		}
		return fmt.Sprintf("%.2f ms", procstat.Median(values))
	}
}

func megabytes(n int64) float64 { return float64(n) / (1 << 20) }

// gains writes, for each kind of attack, the outcomes in the last run.
func (r *Report) gains(w io.Writer) {
	last := r.Phases[Attack][len(r.Phases[Attack])-1]
	for _, kind := range []struct {
		name string
		attack.Outcomes
	}{
		{"bodies", last.Attack.Bodies}, {"frames", last.Attack.Frames}, {"guesses", last.Attack.Guesses}, {"flood", last.Attack.Flood}, {"posts", last.Attack.Posts},
	} {
		fmt.Fprintf(w, "  %-8s %d tried, %.0f per second:", kind.name, kind.Tried, float64(kind.Tried)/last.Attack.Took.Seconds())
		for _, how := range slices.Sorted(maps.Keys(kind.Ends)) {
			fmt.Fprintf(w, " %d %s", kind.Ends[how], how)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "  %d passwords of guessers were hashed\n", last.guessesHashed())
}
