package chat

import (
	"slices"
	"testing"
	"testing/synctest"
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
