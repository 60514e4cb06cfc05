package procstat

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Process is one whose costs are measured. Its methods read /proc, so they fail
// where there is none, and for a process that has ended.
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

// Resident returns the bytes of memory that are resident now. It looks at every
// page, because the counters that the kernel keeps are off by up to a megabyte:
// more than a thousand connections that cost nothing.
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

// userHZ is the unit of times in /proc/PID/stat: 1/100 s for user space on every
// architecture that Go runs on, whatever the kernel's own tick is.
const userHZ = 100

// Fields of /proc/PID/stat behind the name, which may itself have spaces and
// parentheses: see proc(5), where the state is field 3.
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
