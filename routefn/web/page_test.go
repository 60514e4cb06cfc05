package web

import (
	"bytes"
	"compress/gzip"
	"os/exec"
	"path/filepath"
	"testing"
)

// node runs a module of testdata under Node, with the page's own modules.
func node(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.Command("node", args...).CombinedOutput()
	if err != nil {
		t.Errorf("node %v: %v\n%s", args, err, out)
	}
}

func TestPageFollowsTheRulesOfOrder(t *testing.T) {
	files, err := filepath.Glob("../../proto/vectors/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	node(t, append([]string{"testdata/vectors.mjs"}, files...)...)
}

func TestPageKeepsWhatItShowedAndWhatIsUnsentOverTabs(t *testing.T) {
	node(t, "testdata/check.mjs")
}

// The page is for phones on bad networks, too.
func TestPageIsSmall(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for _, f := range load() {
		w.Write(f.body)
	}
	w.Close()
	if b.Len() > 120<<10 {
		t.Errorf("the page has %d bytes compressed", b.Len())
	}
}
