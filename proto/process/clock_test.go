package process

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The clock of a test jumps as its file says; without one it is the machine's.
func TestClockIsWrongAsItsFileSays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	t.Setenv("CIM_TEST_CLOCK", path)
	now := Clock()
	for text, want := range map[string]time.Duration{"": 0, "-360h": -15 * 24 * time.Hour, "125s\n": 125 * time.Second, "nonsense": 0} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := time.Until(now()); (got - want).Abs() > time.Minute {
			t.Errorf("%q: it is wrong by %v", text, got)
		}
	}
	t.Setenv("CIM_TEST_CLOCK", "")
	if wrong := time.Until(Clock()()); wrong.Abs() > time.Minute {
		t.Errorf("without a file it is wrong by %v", wrong)
	}
}
