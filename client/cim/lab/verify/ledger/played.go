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

// cutShort returns why the run ended before everything was healed and quiet. Messages that
// were not shown in such a run do not count as lost. After a complete run, cutShort
// returns an empty text.
func (j *Judge) cutShort() string {
	if j.cut == "" && j.quiet == 0 {
		return "the ledger ends before all was quiet"
	}
	return j.cut
}

// notPlayed returns the names of faults that never began. It adds the reason for each
// fault that failed.
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
