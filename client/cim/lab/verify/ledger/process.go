package ledger

import (
	"cmp"
	"fmt"
	"slices"
)

// The limits for an idle process. The process may have some goroutines and some allocated
// memory. It may have a few more goroutines for each device of the crowd, because all
// devices may be connected to one node.
const (
	mostGoroutines = 500
	moreGoroutines = 4
	mostMemory     = 256 << 20
	moreMemory     = 256 << 10
)

// Held is how many goroutines and how much memory a process of the cluster has at the
// end.
type Held struct {
	Name       string `json:"name"`
	Goroutines int    `json:"goroutines"`
	Memory     int64  `json:"memory"` // bytes
}

// processes returns a line with the most goroutines and the most memory that any process
// has.
func (v *Verdict) processes() string {
	goroutines := slices.MaxFunc(v.Processes, func(a, b Held) int { return cmp.Compare(a.Goroutines, b.Goroutines) })
	memory := slices.MaxFunc(v.Processes, func(a, b Held) int { return cmp.Compare(a.Memory, b.Memory) })
	return fmt.Sprintf("at most %d goroutines (%s), %d MB (%s)", goroutines.Goroutines, goroutines.Name, memory.Memory>>20, memory.Name)
}

// judgeProcesses judges the goroutines and the memory of the processes at the end.
func (v *Verdict) judgeProcesses(j *Judge) {
	v.Processes = j.held
	devices := len(j.readers)
	for _, p := range j.held {
		if most := mostGoroutines + moreGoroutines*devices; p.Goroutines > most {
			v.violate("goroutines", "%s has %d when all is quiet, more than %d", p.Name, p.Goroutines, most)
		}
		if most := int64(mostMemory + moreMemory*devices); p.Memory > most {
			v.violate("memory", "%s holds %d MB when all is quiet, more than %d", p.Name, p.Memory>>20, most>>20)
		}
	}
}
