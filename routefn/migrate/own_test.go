package migrate

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/role"
)

var withRoles = []string{
	`{"kind":"account","user":1,"name":"alice","role":"operator"}`,
	`{"kind":"account","user":2,"name":"bob"}`,
	`{"kind":"account","user":3,"name":"carol"}`,
	`{"kind":"group","group":10,"name":"friends","creator":2}`,
	`{"kind":"member","group":10,"user":2,"role":"admin"}`,
	`{"kind":"member","group":10,"user":1,"role":"owner"}`,
	`{"kind":"member","group":10,"user":3,"role":"read-only"}`,
	`{"kind":"message","from":2,"group":10,"id":"g1","text":"one"}`,
	`{"kind":"cursor","user":1,"group":10,"device":"desk"}`,
	`{"kind":"message","from":2,"group":10,"id":"g2","text":"two"}`,
	`{"kind":"message","from":2,"to":1,"id":"a1","text":"one"}`,
	`{"kind":"cursor","user":1,"device":"phone"}`,
	`{"kind":"message","from":2,"to":1,"id":"a2","text":"two"}`,
}

// cursorsOf returns the cursors of a user, each as "device log key".
func cursorsOf(t *testing.T, s *record.Store, user int64) (list []string) {
	t.Helper()
	all, err := s.Cursors(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	for device, cursors := range all {
		for _, c := range cursors {
			list = append(list, fmt.Sprint(device, " ", c.Log, " ", c.Key))
		}
	}
	slices.Sort(list)
	return list
}

func rolesOf(t *testing.T, s *record.Store) string {
	t.Helper()
	roles, err := s.RolesIn(t.Context(), 10, 1, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	system, err := s.SystemRole(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(system, roles)
}

// A second import, of the whole store or of one account, changes nothing that was given
// here since.
func TestImportTakesRolesAndCursorsBack(t *testing.T) {
	s := fresh(t)
	r, left := importLines(t, Config{Store: s}, withRoles...)
	if len(left) > 0 || r.Details.New != 2 {
		t.Errorf("%+v, left %q", r, left)
	}
	cursors := []string{"desk 10 " + proto.Key(2, "g1"), "phone 0 " + proto.Key(2, "a1")}
	want(t, "cursors", cursorsOf(t, s, 1), cursors...)
	if got := rolesOf(t, s); got != "operator [owner admin read-only]" {
		t.Errorf("roles are %s", got)
	}
	var own bytes.Buffer
	if _, err := ExportUser(t.Context(), ExportConfig{Store: s}, 1, &own); err != nil {
		t.Fatal(err)
	}
	all := export(t, s, false)
	other := fresh(t)
	for _, file := range []string{all, own.String(), own.String()} {
		if _, err := FromLines(t.Context(), Config{Store: other}, strings.NewReader(file)); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "the export", export(t, other, false), all)
	want(t, "cursors of the other store", cursorsOf(t, other, 1), cursors...)
	if got := rolesOf(t, other); got != "operator [owner admin read-only]" {
		t.Errorf("roles in the other store are %s", got)
	}

	if err := other.GiveRole(t.Context(), 1, 10, 2, role.Owner); err != nil {
		t.Fatal(err)
	}
	if err := other.SetSystemRole(t.Context(), 1, role.Moderator); err != nil {
		t.Fatal(err)
	}
	if r, left := importLines(t, Config{Store: other}, withRoles...); len(left) > 0 || r.Details.Had != 2 {
		t.Errorf("again: %+v, left %q", r, left)
	}
	if got := rolesOf(t, other); got != "moderator [admin owner read-only]" {
		t.Errorf("roles after another import are %s", got)
	}
}

// In this store, id 1 is another user's, who gets nothing that alice had.
func TestImportGivesNothingOfAnAccountThatClashes(t *testing.T) {
	s := fresh(t)
	importLines(t, Config{Store: s},
		`{"kind":"account","user":1,"name":"dave"}`,
		`{"kind":"account","user":2,"name":"bob"}`,
		`{"kind":"group","group":10,"name":"friends","creator":2}`,
		`{"kind":"member","group":10,"user":2}`,
		`{"kind":"member","group":10,"user":1}`,
	)
	_, left := importLines(t, Config{Store: s}, withRoles...)
	if got := cursorsOf(t, s, 1); len(got) > 0 {
		t.Errorf("dave gets the cursors %q", got)
	}
	if got := rolesOf(t, s); got != "user [member owner read-only]" {
		t.Errorf("roles are %s", got)
	}
	if !slices.ContainsFunc(left, func(l string) bool { return strings.Contains(l, "cursor 1 of group 10") }) {
		t.Errorf("left out are %q", left)
	}
}

func TestLinesForReadingAreLeftOut(t *testing.T) {
	s := fresh(t)
	r, left := importLines(t, Config{Store: s}, withRoles[0], `{"kind":"consent","user":1,"write":"contacts"}`, `{"kind":"gap","user":1,"reason":"trimmed","count":3}`)
	want(t, "left out", left, "line 3: consent: such lines are for reading", "line 4: gap: such lines are for reading")
	if r.Lefts() != 2 || r.Accounts.New != 1 {
		t.Errorf("%+v", r)
	}
}
