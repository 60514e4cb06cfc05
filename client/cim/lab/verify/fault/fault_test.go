package fault

import (
	"regexp"
	"strings"
	"testing"

	"github.com/cim-go/cim/client/cim/lab/up"
)

// Where the system has no signals, what would send one does not happen.
func TestFaultsThatNeedSignalsAreLeftOutWithoutThem(t *testing.T) {
	sends := regexp.MustCompile("SIGSTOP|SIGTERM|replicas? behind")
	for _, signals := range []bool{false, true} {
		world := &World{cluster: new(up.Cluster), signals: signals, noNetwork: "no network"}
		for _, f := range All() {
			why := f.Missing(world)
			if left, want := strings.HasPrefix(why, "this system cannot"), !signals && sends.MatchString(f.Story()); left != want {
				t.Errorf("signals %t: %s is left out for %q", signals, f.Name(), why)
			}
		}
	}
}
