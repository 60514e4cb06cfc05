package check

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cim-go/cim/terraform/check/pin"
	"github.com/cim-go/cim/terraform/check/schema"
	"github.com/cim-go/cim/terraform/check/workspace"
)

// modules are all folders of terraform/ with configurations.
func modules(t *testing.T) []string {
	t.Helper()
	dirs, err := workspace.Modules("..")
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

func TestFilesAreFormatted(t *testing.T) {
	out, err := exec.Command("terraform", "fmt", "-check", "-recursive", "-diff", "..").CombinedOutput()
	if err != nil {
		t.Errorf("terraform fmt would change (%v):\n%s", err, out)
	}
}

func TestSchemaIsOfThePinnedProvider(t *testing.T) {
	p, err := schema.AWS()
	if err != nil {
		t.Fatal(err)
	}
	notice, err := os.ReadFile("../../NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	if p.Version != pin.Provider || !bytes.Contains(notice, []byte("version "+pin.Provider+" ")) {
		t.Errorf("the schema is of %s, and NOTICE says\n%s\nwant %s in both", p.Version, notice, pin.Provider)
	}
}

func TestEveryModuleIsValid(t *testing.T) {
	w := newWorkspace(t)
	for _, dir := range modules(t) {
		if dir == workspace.Inner {
			continue
		}
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			if err := w.Valid(t.Context(), dir); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMockedTestsPass(t *testing.T) {
	w := newWorkspace(t)
	if err := w.StandIn(workspace.Inner, "testdata"); err != nil {
		t.Fatal(err)
	}
	tested, err := w.Tested()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range tested {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			if err := w.Mocked(t.Context(), dir); err != nil {
				t.Error(err)
			}
		})
	}
}

// newWorkspace returns one whose provider is the stub, and whose artifacts are
// stand-ins.
func newWorkspace(t *testing.T) *workspace.Workspace {
	t.Helper()
	dir := t.TempDir()
	mirror := filepath.Join(dir, "mirror")
	if out, err := exec.Command("go", "build", "-o", workspace.Plugin(mirror), "./stub").CombinedOutput(); err != nil {
		t.Fatalf("build the stub: %v\n%s", err, out)
	}
	w, err := workspace.New(dir, "..", mirror)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.PlaceHolders(); err != nil {
		t.Fatal(err)
	}
	return w
}
