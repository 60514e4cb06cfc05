package fault

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// A key is added behind the others, then made the first, and none is taken away.
func TestRouteKeysChangeStepByStep(t *testing.T) {
	k, err := NewRouteKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	read := func() []string {
		text, err := os.ReadFile(k.path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(text))
	}
	step := func() []string {
		t.Helper()
		if _, err := k.step(nil); err != nil {
			t.Fatal(err)
		}
		return read()
	}
	first := read()
	added := step()
	if len(first) != 1 || len(added) != 2 || added[0] != first[0] {
		t.Fatalf("%q, then %q", first, added)
	}
	if used := step(); !slices.Equal(used, []string{added[1], added[0]}) {
		t.Fatalf("%q, then %q", added, used)
	}
	if again := step(); len(again) != 3 || again[0] != added[1] {
		t.Fatalf("a third key makes it %q", again)
	}
}
