package procstat

import (
	"os"
	"testing"
	"time"

	"github.com/cim-go/cim/proto/wait"
)

func TestTimesAreReadBehindAnyName(t *testing.T) {
	stat := "42 (a ) (b) S 1 2 3 4 5 6 7 8 9 10 150 50 13"
	if used, err := parseStat([]byte(stat)); err != nil || used != 2*time.Second {
		t.Errorf("%v, %v", used, err)
	}
	for _, bad := range []string{"", "42 (a) S 1 2", "42 (a) S 1 2 3 4 5 6 7 8 9 10 x 50 13"} {
		if used, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q is %v", bad, used)
		}
	}
}

func TestMemoryIsReadFromItsLine(t *testing.T) {
	if n, err := parseRollup([]byte("00-ff ---p [rollup]\nRss:       12 kB\nPss:        9 kB\n")); err != nil || n != 12<<10 {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{"", "Rss: much kB\n", "Pss: 9 kB\n"} {
		if n, err := parseRollup([]byte(bad)); err == nil {
			t.Errorf("%q is %d", bad, n)
		}
	}
}

func TestThisProcessUsesTimeAndMemory(t *testing.T) {
	self := Process{"self", os.Getpid()}
	if n, err := self.Resident(); err != nil || n < 1<<20 {
		t.Errorf("resident %d bytes, %v", n, err)
	}
	before, err := self.CPU()
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(wait.Limit); ; {
		now, err := self.CPU()
		if err != nil {
			t.Fatal(err)
		}
		if now > before {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("being busy costs nothing")
		}
	}
}
