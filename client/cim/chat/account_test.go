package chat

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cim-go/cim/proto"
)

func TestAccountIsDeletedByItsNameAndPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		got, err := run(t, f, nil, func(ty typist) {
			ty.types(":delete-account")
			ty.types(":delete-account bob")
			for _, password := range []string{"wrong", "secret"} {
				ty.types(":delete-account alice")
				ty.types(password)
				synctest.Wait()
			}
			ty.types(":q!")
		})
		if err != nil {
			t.Errorf("run: %v", err)
		}
		golden(t, "delete.txt", got)
		if want := []string{"deleted"}; !slices.Equal(f.changed, want) {
			t.Errorf("changed %q, want %q", f.changed, want)
		}
	})
}

// An export writes over no file, and leaves none that is not complete.
func TestExportIsAWholeNewFile(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		got, err := run(t, f, nil, func(ty typist) {
			ty.types(":export")
			ty.types(":export " + in("mine.jsonl"))
			ty.types(":export " + in("mine.jsonl"))
			ty.types(":export " + in("nowhere/mine.jsonl"))
			synctest.Wait()
			f.refuse = proto.Err(proto.Limited, "")
			ty.types(":export " + in("half.jsonl"))
			ty.types(":q!")
		})
		if err != nil {
			t.Errorf("run: %v", err)
		}
		golden(t, "export.txt", strings.ReplaceAll(got, dir, "DIR"))
		if file, err := os.ReadFile(in("mine.jsonl")); err != nil || string(file) != "{}\n" {
			t.Errorf("the file has %q, %v", file, err)
		}
		if _, err := os.Stat(in("half.jsonl")); !os.IsNotExist(err) {
			t.Errorf("half a file: %v", err)
		}
	})
}
