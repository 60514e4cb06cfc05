package crowd

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
)

// A power cut takes the end of the file and never its first line, and the ledger
// knows that the device may be shown again what it was shown.
func TestPowerCutTakesTheEndOfAFile(t *testing.T) {
	dir := t.TempDir()
	forgot := 0
	w, err := ledger.Create(filepath.Join(dir, "ledger"), func(r ledger.Record) {
		if r.Kind == ledger.Forgot && r.User == 1 && r.Device == "phone" {
			forgot++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	d := newDevice("alice", 1, "phone", client.Config{}, filepath.Join(dir, "history"), w)
	for lost, left := range map[int64]string{3: "first\nsecond\nth", 100: "first\n"} {
		if err := os.WriteFile(d.path, []byte("first\nsecond\nthird"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := d.PowerCut(lost); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(d.path); string(got) != left || err != nil {
			t.Errorf("%d bytes less: %q, %v", lost, got, err)
		}
	}
	if forgot != 2 {
		t.Errorf("the ledger has it %d times", forgot)
	}
}
