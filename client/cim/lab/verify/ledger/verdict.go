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

// examples is how many violations of each kind a verdict describes.
const examples = 5

// Verdict is the result of a judge.
type Verdict struct {
	Run string // command line of the run

	Users, Devices                    int // without CIM clients
	CIM, CIMShown, CIMAgain           int // CIM clients, their showings, and how many of these were repetitions on another connection
	CIMReconnects                     int // of CIM clients
	CIMByPings, CIMByEnds, CIMByKills int // reconnects after a connection that is known to have read something, by the kind of proof
	Sent, Accepted, Unknown, Refused  int // messages, by the answers to their senders
	Shown                             int // showings to devices, with repetitions
	Again                             int // of these, repetitions to devices that had lost their history
	Doubled                           int // messages that are in a log twice, and that devices show once
	Trimmed                           int // how often a device got the report that entries are gone
	Adrift                            int // delayed messages that are still to come, by a clock that has jumped since

	Traffic    map[string]Traffic // by kind of message
	Sends      []int64            // us from sent to accepted, ascending
	Deliveries []int64            // us from accepted to shown, ascending
	Longest    int64              // the longest of Deliveries, us
	LongestTo  string             // the device of that delivery
	Lasted     int64              // time until the last record, us

	Faults  map[string]int    // how often each began
	LeftOut map[string]string // faults that could not happen, and why
	Missed  map[string]string // faults that failed to happen at least once, and the last reason
	Asked   []string          // the requested faults

	NotPlayed []string // faults that could happen but never began
	Marks     int      // how many delivery marks senders got
	Processes []Held   // goroutines and memory of the cluster's processes at the end
	CutShort  string   // why the run ended before everything was healed and quiet; empty: it did not
	Unsettled int      // in a run that was cut short: showings that were still missing, which are not judged

	Function *faas.Stats // nil: routes were servers

	Ack             string // when messages counted as accepted
	Failovers       int    // how many primaries were lost
	SetBack         int    // how often the store came back older
	Emptied         int    // how often it came back empty
	LostWithPrimary int    // accepted messages that are lost with a primary
	LostSeen        int    // messages that are lost after some devices were shown them
	Logs            int    // how many logs were compared between devices

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

// printEnd prints the goroutines and memory of the processes at the end. It also prints
// what is unusual but no violation, and leaves out rows with a count of zero.
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
