package procstat

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Process is a process whose costs are measured. Its methods read /proc. So they fail on
// systems without /proc, and for a process that has ended.
type Process struct {
	Name string
	PID  int
}

// CPU returns the time that all threads of the process have used up to now, in
// user space and in the kernel, in steps of 10 ms.
func (p Process) CPU() (time.Duration, error) {
	stat, err := p.read("stat")
	if err != nil {
		return 0, err
	}
	used, err := parseStat(stat)
	if err != nil {
		return 0, fmt.Errorf("read stat of %s: %w", p.Name, err)
	}
	return used, nil
}

// Resident returns the bytes of memory that are resident now. The kernel counts them page
// by page for this, because its usual counters are wrong by up to a megabyte. More than a
// thousand idle connections need no more than a megabyte.
func (p Process) Resident() (int64, error) {
	rollup, err := p.read("smaps_rollup")
	if err != nil {
		return 0, err
	}
	resident, err := parseRollup(rollup)
	if err != nil {
		return 0, fmt.Errorf("read memory of %s: %w", p.Name, err)
	}
	return resident, nil
}

func (p Process) read(file string) ([]byte, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.PID, file))
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", p.Name, err)
	}
	return b, nil
}

// userHZ is the unit of times in /proc/PID/stat: 1/100 s on every architecture on which
// Go runs, whatever the kernel's own tick is.
const userHZ = 100

// Indices of fields in /proc/PID/stat, counted from the field after the name, which may
// itself have spaces and parentheses. That field is the state, number 3 in proc(5).
const (
	fieldUser   = 14 - 3
	fieldSystem = 15 - 3
)

func parseStat(stat []byte) (time.Duration, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= fieldSystem {
		return 0, fmt.Errorf("%d fields", len(fields))
	}
	user, err := strconv.ParseInt(string(fields[fieldUser]), 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(string(fields[fieldSystem]), 10, 64)
	if err != nil {
		return 0, err
	}
	return time.Duration(user+system) * time.Second / userHZ, nil
}

func parseRollup(rollup []byte) (int64, error) {
	for line := range bytes.Lines(rollup) {
		rest, ok := bytes.CutPrefix(line, []byte("Rss:"))
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
		return kib << 10, err
	}
	return 0, errors.New("it has no line with Rss")
}
