package bench

import (
	"os"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
)

// usage is the CPU time that processes used, by their names, in the order in which the
// names first appear. The times of processes with the same name are added up.
type usage struct {
	names     []string
	cpu       map[string]time.Duration
	generator time.Duration // CPU of this process, which generates the load
	took      time.Duration
}

// stopwatch has the counts of all processes at its start.
type stopwatch struct {
	processes []procstat.Process
	cpu       []time.Duration // CPU of each process, and last that of this process
	begun     time.Time
}

func startWatch(processes []procstat.Process) (*stopwatch, error) {
	w := &stopwatch{processes: append(processes[:len(processes):len(processes)], procstat.Process{Name: "generator", PID: os.Getpid()})}
	for _, p := range w.processes {
		used, err := p.CPU()
		if err != nil {
			return nil, err
		}
		w.cpu = append(w.cpu, used)
	}
	w.begun = time.Now()
	return w, nil
}

// read returns what was used since the watch was started.
func (w *stopwatch) read() (usage, error) {
	u := usage{cpu: make(map[string]time.Duration), took: time.Since(w.begun)}
	last := len(w.processes) - 1
	for i, p := range w.processes {
		now, err := p.CPU()
		if err != nil {
			return u, err
		}
		used := now - w.cpu[i]
		if i == last {
			u.generator = used
			break
		}
		if _, ok := u.cpu[p.Name]; !ok {
			u.names = append(u.names, p.Name)
		}
		u.cpu[p.Name] += used
	}
	return u, nil
}

func (u usage) total() (sum time.Duration) {
	for _, used := range u.cpu {
		sum += used
	}
	return sum
}

// perEvent returns the CPU time per event, for n events. It has a figure for all servers
// together, for each server, and for the load generator. If no processes are measured, it
// returns only the generator's.
func (u usage) perEvent(event string, n int64) []Figure {
	var figures []Figure
	if len(u.names) > 0 {
		figures = append(figures, microseconds("CPU "+event, u.total(), n))
	}
	if len(u.names) > 1 {
		for _, name := range u.names {
			figures = append(figures, microseconds("  of "+name, u.cpu[name], n))
		}
	}
	return append(figures, microseconds("  (load generator)", u.generator, n))
}

// microseconds returns a figure with a time divided by n.
func microseconds(name string, d time.Duration, n int64) Figure {
	return Figure{name, "us", per(float64(d)/float64(time.Microsecond), float64(n))}
}
