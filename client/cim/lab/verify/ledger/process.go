package ledger

import (
	"cmp"
	"fmt"
	"slices"
)

// The most that an idle process may hold. It may have some goroutines and bytes of
// allocated memory, and a few more goroutines for each device of the crowd. All devices
// may be connected to one node.
const (
	mostGoroutines = 500
	moreGoroutines = 4
	mostMemory     = 256 << 20
	moreMemory     = 256 << 10
)

// Held is what a process of the cluster holds in the end.
type Held struct {
	Name       string `json:"name"`
	Goroutines int    `json:"goroutines"`
	Memory     int64  `json:"memory"` // bytes
}

// processes says in a line what the process with most of each holds.
func (v *Verdict) processes() string {
	goroutines := slices.MaxFunc(v.Processes, func(a, b Held) int { return cmp.Compare(a.Goroutines, b.Goroutines) })
	memory := slices.MaxFunc(v.Processes, func(a, b Held) int { return cmp.Compare(a.Memory, b.Memory) })
	return fmt.Sprintf("at most %d goroutines (%s), %d MB (%s)", goroutines.Goroutines, goroutines.Name, memory.Memory>>20, memory.Name)
}

// judgeProcesses judges what the processes hold in the end.
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
