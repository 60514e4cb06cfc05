package ledger

import (
	"slices"
	"strings"
)

// notPlayed returns the faults that were asked for, could happen here, and never
// began.
func (j *Judge) notPlayed() []string {
	var names []string
	for _, name := range j.verdict.Asked {
		if _, left := j.verdict.LeftOut[name]; !left && j.verdict.Faults[name] == 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// cutShort says why the run ended before all was healed and quiet: then what was
// not shown is not lost, because nothing had settled. Empty: it did not.
func (j *Judge) cutShort() string {
	if j.cut == "" && j.quiet == 0 {
		return "the ledger ends before all was quiet"
	}
	return j.cut
}

// notPlayed lists the faults that never began, those that failed with their reason.
func (v *Verdict) notPlayed() string {
	var parts []string
	for _, name := range v.NotPlayed {
		if why := v.Missed[name]; why != "" {
			name += " (" + why + ")"
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, ", ")
}
