package ledger

import (
	"slices"
	"strings"
)

// notPlayed returns the faults that were requested and possible, but never began.
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

// If the run ended before everything was healed and quiet, cutShort returns the reason.
// Then messages that were not shown do not count as lost. Otherwise it returns an empty
// text.
func (j *Judge) cutShort() string {
	if j.cut == "" && j.quiet == 0 {
		return "the ledger ends before all was quiet"
	}
	return j.cut
}

// notPlayed returns the names of faults that never began. For those that failed it adds
// the reason.
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
