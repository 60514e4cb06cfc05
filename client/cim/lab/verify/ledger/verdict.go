package ledger

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cim-go/cim/client/cim/lab/faas"
)

// examples is how many violations of a kind a verdict tells in full.
const examples = 5

// Verdict is what the judge found.
type Verdict struct {
	Run string // its command line

	Users, Devices                    int // CIM clients left out
	CIM, CIMShown, CIMAgain           int // CIM clients, what they were shown, and of that again on another connection
	CIMReconnects                     int // of CIM clients
	CIMByPings, CIMByEnds, CIMByKills int // of those, behind a connection that is known to have read something
	Sent, Accepted, Unknown, Refused  int // messages, by what their senders know
	Shown                             int // to devices, repetitions counted
	Again                             int // of those, to devices that had lost what they kept
	Doubled                           int // stand in a log twice, which devices show once
	Trimmed                           int // times a device was told that it came too late
	Adrift                            int // delayed messages that are still to come, by a clock that has jumped since

	Traffic    map[string]Traffic // by kind of message
	Sends      []int64            // us from sent to accepted, ascending
	Deliveries []int64            // us from accepted to shown, ascending
	Longest    int64              // us, of Deliveries
	LongestTo  string             // the device it happened to
	Lasted     int64              // us, until the last record

	Faults  map[string]int    // how often each began
	LeftOut map[string]string // faults that could not happen, and why
	Missed  map[string]string // faults that failed to happen at times, and why at last
	Asked   []string          // the faults that were to happen

	NotPlayed []string // of those that could, the ones that never began
	Marks     int      // delivery marks that senders were told
	Processes []Held   // what the cluster's processes hold in the end
	CutShort  string   // why the run ended before all was healed and quiet; empty: it did not
	Unsettled int      // of a run that was cut short before all was quiet: showings that were still to come, of which nothing is said

	Function *faas.Stats // nil: routes were servers

	Ack             string // what "accepted" meant
	Failovers       int    // primaries of the store that were lost
	SetBack         int    // times the store came back older
	Emptied         int    // times it came back empty
	LostWithPrimary int    // messages that were accepted, lately, and are gone with one
	LostSeen        int    // messages that are gone and were shown to some devices
	Logs            int    // of which all devices have the same, unless that is a violation

	Kinds    map[string]int // violations by kind
	Examples []string       // the first few of each kind
}

func (v *Verdict) violate(kind, format string, args ...any) {
	if v.Kinds[kind]++; v.Kinds[kind] <= examples {
		v.Examples = append(v.Examples, kind+": "+fmt.Sprintf(format, args...))
	}
}

// Violations returns how many there are of all kinds.
func (v *Verdict) Violations() int {
	n := 0
	for _, count := range v.Kinds {
		n += count
	}
	return n
}

// Print writes the verdict as a table for people.
func (v *Verdict) Print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(table, "  %s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	v.printRun(row)
	v.printEnd(row)
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print verdict: %w", err)
	}
	if err := v.printTraffic(w); err != nil {
		return fmt.Errorf("print verdict: %w", err)
	}
	if v.CutShort != "" {
		row("cut short", "%s; %d showings were still to come, of which nothing is said", v.CutShort, v.Unsettled)
	}
	row("violations", "%s", v.summary())
	for _, example := range v.Examples {
		fmt.Fprintf(table, "    %s\n", example)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print verdict: %w", err)
	}
	return nil
}

// printRun prints what was sent and shown, and what was broken meanwhile.
func (v *Verdict) printRun(row func(name, format string, args ...any)) {
	row("run", "%s", v.Run)
	row("lasted", "%v", micros(v.Lasted).Round(100*time.Millisecond))
	row("users", "%d on %d devices", v.Users, v.Devices)
	row("sent", "%d", v.Sent)
	row("  accepted", "%d", v.Accepted)
	row("  unknown", "%d, given up by their senders without an answer", v.Unknown)
	row("  refused", "%d", v.Refused)
	row("shown", "%d times", v.Shown)
	if v.CIM > 0 {
		row("CIM clients", "%s", v.cimRow())
	}
	row("faults", "%s", v.faults())
	for _, name := range slices.Sorted(maps.Keys(v.LeftOut)) {
		row("  left out", "%s: %s", name, v.LeftOut[name])
	}
	if len(v.NotPlayed) > 0 {
		row("  not played", "%s", v.notPlayed())
	}
	row("sent to accepted", "p50 %v, p99 %v", quantile(v.Sends, 50), quantile(v.Sends, 99))
	row("accepted to shown", "p50 %v, p99 %v, longest %v (%s)",
		quantile(v.Deliveries, 50), quantile(v.Deliveries, 99), micros(v.Longest).Round(time.Millisecond), v.LongestTo)
	if v.Marks > 0 {
		row("delivery marks", "%d", v.Marks)
	}
}

// printEnd prints what the processes hold in the end, and what is no violation though
// it is not as usual. Rows of which there is nothing to count are left out.
func (v *Verdict) printEnd(row func(name, format string, args ...any)) {
	if len(v.Processes) > 0 {
		row("held in the end", "%s", v.processes())
	}
	for _, r := range []struct {
		name, format string
		count        int
	}{
		{"came too late", "%d times entries were gone before a device could read them", v.Trimmed},
		{"stand twice", "%d, which were sent again while they were on their way", v.Doubled},
		{"shown again", "%d times, to devices that had lost what they kept", v.Again},
		{"still to come", "%d delayed messages, scheduled while the store's clock was off", v.Adrift},
	} {
		if r.count > 0 {
			row(r.name, r.format, r.count)
		}
	}
	if v.Failovers+v.SetBack+v.Emptied > 0 {
		row("lost with a primary", "%s", v.lost())
	}
	if v.Function != nil {
		for _, r := range v.Function.Rows() {
			row(r[0], "%s", r[1])
		}
	}
	if v.Unsettled+v.Kinds["disagree"]+v.Kinds["log order"]+v.Kinds["lost"] == 0 {
		row("converged", "all devices have the same %d logs, in the same order", v.Logs)
	}
}

func (v *Verdict) faults() string { return counts(v.Faults) }

func (v *Verdict) summary() string {
	if v.Violations() == 0 {
		return "0"
	}
	return fmt.Sprintf("%d: %s", v.Violations(), counts(v.Kinds))
}

func counts(m map[string]int) string {
	var parts []string
	total := 0
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, m[name]))
		total += m[name]
	}
	if total == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// quantile returns the p-th percentile of ascending times, by nearest rank.
func quantile(sorted []int64, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return micros(sorted[max(0, rank-1)]).Round(100 * time.Microsecond)
}

func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
