package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Every cold start of a function loads all modules that are linked into the route. So
// gossip must not be among them. ZooKeeper's client may be: it costs a cold start 8 us,
// and 50 kB of 15 MB.
func TestNothingElseIsLinked(t *testing.T) {
	const golden = "testdata/modules.txt"
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	lines := strings.Fields(string(out))
	slices.Sort(lines)
	got := strings.Join(slices.Compact(lines), "\n") + "\n"
	if got != string(want) {
		t.Errorf("modules of the route are\n%s\nwant those of %s:\n%s", got, golden, want)
	}
}
