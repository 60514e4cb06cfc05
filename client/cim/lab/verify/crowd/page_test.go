package crowd

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
)

// A machine without Node has no pages in its crowd, and the verdict says so.
func TestWithoutNodeTheVerdictSaysThatPagesAreLeftOut(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	judge := ledger.NewJudge()
	book, err := ledger.Create(filepath.Join(t.TempDir(), "ledger.jsonl"), judge.Hear)
	if err != nil {
		t.Fatal(err)
	}
	crowd := new(Crowd)
	if err := crowd.addPages(t.Context(), Config{Dir: t.TempDir(), Ledger: book}, make([]int64, 20)); err != nil {
		t.Fatal(err)
	}
	if err := book.Close(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	verdict := judge.Verdict()
	if err := verdict.Print(&text); err != nil {
		t.Fatal(err)
	}
	if len(crowd.Guests()) > 0 || !strings.Contains(text.String(), "devices of the page: node is not in PATH") {
		t.Errorf("%d pages, and the verdict is\n%s", len(crowd.Guests()), text.String())
	}
}
