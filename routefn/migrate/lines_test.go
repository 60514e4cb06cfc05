package migrate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/accounts"
)

// If an export is imported, another export gives the same lines, whatever happened to
// the store before. A second import changes nothing.
func TestExportOfAnImportIsTheSame(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		x := fresh(t)
		build(t, r, x)
		first := export(t, x, true)
		y := fresh(t)
		for range 2 {
			if _, err := FromLines(t.Context(), Config{Store: y}, strings.NewReader(first)); err != nil {
				t.Fatal(err)
			}
			same(t, "exported again", export(t, y, true), first)
		}
		if _, err := FromLines(t.Context(), Config{Store: x}, strings.NewReader(first)); err != nil {
			t.Fatal(err)
		}
		same(t, "imported into itself", export(t, x, true), first)
	})
}

// build fills a store with accounts, groups and messages, as users do.
func build(t *testing.T, r *rapid.T, s *record.Store) {
	var users []record.Account
	var groups []int64
	n := 0
	user := func(r *rapid.T) record.Account {
		if len(users) == 0 {
			r.Skip("nobody is there")
		}
		return rapid.SampledFrom(users).Draw(r, "user")
	}
	text := rapid.SampledFrom([]string{"hi", "<&> \"quoted\"\n", "a\u2028b 🍕", strings.Repeat("long ", 300)})
	add := func(messages ...record.Message) {
		for _, a := range s.Append(t.Context(), messages) {
			if a.Err != nil && !errors.Is(a.Err, record.ErrNotMember) {
				t.Fatal(a.Err)
			}
		}
	}
	next := func(m record.Message) record.Message {
		n++
		m.ID = fmt.Sprint("m", n)
		return m
	}
	change := func(c record.Change) {
		a := s.ChangeGroups(t.Context(), []record.Change{c})[0]
		for _, fine := range []error{record.ErrRemoved, record.ErrNoGroup, record.ErrNotCreator} {
			if errors.Is(a.Err, fine) {
				return
			}
		}
		if a.Err != nil {
			t.Fatal(a.Err)
		}
	}
	group := func(r *rapid.T) int64 {
		if len(groups) == 0 {
			r.Skip("there is no group")
		}
		return rapid.SampledFrom(groups).Draw(r, "group")
	}
	register := func(r *rapid.T) {
		n++
		acc, _, err := s.Register(t.Context(), fmt.Sprint("user ", n), rapid.SampledFrom([]string{"", credential}).Draw(r, "credential"))
		if err != nil {
			t.Fatal(err)
		}
		users = append(users, acc)
	}
	register(r)
	r.Repeat(map[string]func(*rapid.T){
		"register": register,
		"write": func(r *rapid.T) {
			from, to := user(r), user(r)
			add(next(record.Message{From: from.User, FromName: from.Name, To: to.User, Text: text.Draw(r, "text"), Confirm: rapid.Bool().Draw(r, "confirm")}))
		},
		"write to everyone": func(r *rapid.T) {
			from := user(r)
			add(next(record.Message{From: from.User, FromName: from.Name, Group: proto.Everyone, Text: text.Draw(r, "text")}))
		},
		"write to a group": func(r *rapid.T) {
			from := user(r)
			add(next(record.Message{From: from.User, FromName: from.Name, Group: group(r), Text: text.Draw(r, "text")}))
		},
		"make a group": func(r *rapid.T) {
			n++
			by := user(r)
			g, err := s.CreateGroup(t.Context(), record.NewGroup{Creator: by.User, ID: fmt.Sprint("g", n), Name: rapid.SampledFrom([]string{"", "friends"}).Draw(r, "name")})
			if err != nil {
				t.Fatal(err)
			}
			groups = append(groups, g)
			change(record.Change{User: by.User, Name: by.Name, Group: g, Once: true})
		},
		"join": func(r *rapid.T) {
			u := user(r)
			change(record.Change{User: u.User, Name: u.Name, Group: group(r)})
		},
		"leave": func(r *rapid.T) {
			u := user(r)
			change(record.Change{User: u.User, Name: u.Name, Group: group(r), Leave: true})
		},
		"remove": func(r *rapid.T) {
			u, by := user(r), user(r)
			change(record.Change{User: u.User, Name: u.Name, Group: group(r), Leave: true, By: by.User})
		},
		"write until the beginning is trimmed": func(r *rapid.T) {
			if rapid.IntRange(0, 3).Draw(r, "seldom") > 0 {
				return
			}
			from, g := user(r), group(r)
			var many []record.Message
			for range 130 {
				many = append(many, next(record.Message{From: from.User, FromName: from.Name, Group: g, Text: "one of many"}))
			}
			add(many...)
		},
	})
}

const credential = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func TestImportOfLinesGoesOnAfterAKill(t *testing.T) {
	lines := []string{header}
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for u := 1; u <= 40; u++ {
		add(`{"kind":"account","user":%d,"name":"user%d"}`, u, u)
	}
	for g := 100; g < 105; g++ {
		add(`{"kind":"group","group":%d,"name":"g%d","creator":%d}`, g, g, g-99)
		add(`{"kind":"removed","group":%d,"user":40}`, g)
		for u := 1; u <= 6; u++ {
			add(`{"kind":"member","group":%d,"user":%d}`, g, u)
			add(`{"kind":"message","group":%d,"from":%d,"id":"g%d","text":"after %d","time":%d}`, g, u, u, u, time.Now().UnixMilli())
		}
	}
	for m := range 200 {
		add(`{"kind":"message","from":%d,"to":%d,"id":"m%d","text":"hi","time":%d}`, 1+m%7, 1+m%39, m, time.Now().UnixMilli())
	}
	file := strings.Join(lines, "\n")
	if err := format.Check(strings.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	killed(t, func(ctx context.Context, cfg Config) error {
		_, err := FromLines(ctx, cfg, strings.NewReader(file))
		return err
	})
}

func TestSecondImportOfLinesChangesNothing(t *testing.T) {
	server := redis(t)
	s := dial(t, server.URL())
	file := []string{
		`{"kind":"account","user":1,"name":"alice"}`, `{"kind":"account","user":2,"name":"bob","password":"secret"}`,
		`{"kind":"group","group":7,"name":"friends","creator":1}`,
		`{"kind":"member","group":7,"user":1}`, `{"kind":"removed","group":7,"user":2}`,
		`{"kind":"message","from":1,"group":7,"id":"a","text":"hi"}`,
		`{"kind":"message","from":1,"to":2,"id":"b","text":"hi"}`, `{"kind":"message","from":1,"to":2,"in":1,"id":"b","text":"hi"}`,
	}
	dry, _ := importLines(t, Config{Store: s, Dry: true}, file...)
	if d := dump(t, server); len(d) > 0 {
		t.Errorf("a dry run wrote %v", slices.Collect(maps.Keys(d)))
	}
	r, left := importLines(t, Config{Store: s}, file...)
	want(t, "left out", left)
	if r != dry || r.Messages.New != 3 || r.Members.New != 2 || r.Groups.New != 1 || r.Locked != 1 {
		t.Errorf("imported %+v, the dry run said %+v", r, dry)
	}
	before := dump(t, server)
	importLines(t, Config{Store: s}, file...)
	if now := dump(t, server); !maps.Equal(now, before) {
		t.Error("a second run changed the store")
	}
	// bob may not join again, but the creator may add bob.
	for i, by := range []int64{0, 1} {
		a := s.ChangeGroups(t.Context(), []record.Change{{User: 2, Name: "bob", Group: 7, By: by}})[0]
		if errors.Is(a.Err, record.ErrRemoved) != (i == 0) || a.Member != (i == 1) {
			t.Errorf("joins by %d: %+v", by, a)
		}
	}
	r, _ = importLines(t, Config{Store: s}, file...)
	if g, err := s.Groups(t.Context(), 2); err != nil || len(g) != 1 || r.Members.Had != 2 {
		t.Errorf("the next import put bob out again: %v, %v", g, err)
	}
}

// In password mode nobody can log in to an account without a password, so it gets one.
// An account that has a password keeps it.
func TestImportGivesAPasswordToWhoHasNone(t *testing.T) {
	s := fresh(t)
	importLines(t, Config{Store: s}, `{"kind":"account","user":1,"name":"alice"}`)
	if acc, _ := s.AccountByID(t.Context(), 1); acc.Credential != "" {
		t.Errorf("alice has the credential %q", acc.Credential)
	}
	r, _ := importLines(t, Config{Store: s}, `{"kind":"account","user":1,"name":"alice","password":"secret"}`)
	acc, err := s.AccountByID(t.Context(), 1)
	if err != nil || !identity.ValidCredential(acc.Credential) || r.Passwords != 1 || r.Locked != 0 {
		t.Fatalf("alice is %+v, %v; %+v", acc, err, r)
	}
	r, _ = importLines(t, Config{Store: s}, `{"kind":"account","user":1,"name":"alice","credential":"`+credential+`"}`)
	if again, _ := s.AccountByID(t.Context(), 1); again != acc || r.Passwords != 0 {
		t.Errorf("alice's password was changed: %+v", r)
	}
}

// A user of another system finds an imported account, whatever name that system has. An
// account that has an owner keeps it.
func TestImportSaysWhoseAnAccountIs(t *testing.T) {
	s := fresh(t)
	alice := accounts.Subject{Issuer: "host", ID: "17"}
	const named = `{"kind":"account","user":1,"name":"alice","issuer":"host","subject":"17"}`
	importLines(t, Config{Store: s}, `{"kind":"account","user":1,"name":"alice"}`)
	if r, _ := importLines(t, Config{Store: s, Dry: true}, named); r.Locked != 0 {
		t.Errorf("a dry run: %+v", r)
	}
	if acc, err := s.AccountOf(t.Context(), alice); !errors.Is(err, record.ErrNoUser) {
		t.Errorf("after a dry run alice has %+v, %v", acc, err)
	}
	for range 2 {
		importLines(t, Config{Store: s}, named)
		if acc, err := s.AccountOf(t.Context(), alice); err != nil || acc.User != 1 || acc.Name != "alice" {
			t.Errorf("alice has %+v, %v", acc, err)
		}
	}
	importLines(t, Config{Store: s}, `{"kind":"account","user":1,"name":"alice","issuer":"host","subject":"18"}`)
	if acc, err := s.AccountOf(t.Context(), accounts.Subject{Issuer: "host", ID: "18"}); !errors.Is(err, record.ErrNoUser) {
		t.Errorf("another user has %+v, %v", acc, err)
	}
	if acc, err := s.AccountOf(t.Context(), alice); err != nil || acc.User != 1 {
		t.Errorf("alice has %+v, %v", acc, err)
	}
}

func TestExportKeepsCredentialsToItself(t *testing.T) {
	s := fresh(t)
	importLines(t, Config{Store: s}, `{"kind":"account","user":1,"name":"alice","credential":"`+credential+`"}`)
	if out := export(t, s, false); strings.Contains(out, "argon2") {
		t.Error(out)
	}
	if out := export(t, s, true); !strings.Contains(out, credential) {
		t.Error(out)
	}
}

// A line that cannot be read is named. All lines before it are imported, and none
// behind it.
func TestImportStopsAtABadLine(t *testing.T) {
	for bad, why := range map[string]string{
		`{"kind":"robot","user":1}`:              `kind "robot" is not known`,
		`{"kind":"account","user":1`:             "no JSON",
		`{"kind":"message","from":1,"text":"x"}`: "needs either to",
		`{"kind":"end","records":5}`:             "1 records came before it",
	} {
		s := fresh(t)
		file := []string{header, `{"kind":"account","user":1,"name":"alice"}`, bad, `{"kind":"account","user":3,"name":"carol"}`}
		_, err := FromLines(t.Context(), Config{Store: s}, strings.NewReader(strings.Join(file, "\n")))
		if !errors.Is(err, format.ErrLine) || !strings.Contains(err.Error(), "line 3") || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want line 3 and %q", bad, err, why)
		}
		if _, err := s.AccountByName(t.Context(), "carol"); !errors.Is(err, record.ErrNoUser) {
			t.Errorf("%s: what stands behind it was imported: %v", bad, err)
		}
		if _, err := s.AccountByName(t.Context(), "alice"); err != nil {
			t.Errorf("%s: what stands before it was not imported: %v", bad, err)
		}
	}
}

func TestImportOfLinesTellsWhatItLeavesOut(t *testing.T) {
	s := fresh(t)
	for user, name := range map[int64]string{2: "mallory", 10: "carol"} {
		if err := s.Adopt(t.Context(), user, name, false); err != nil {
			t.Fatal(err)
		}
	}
	file := []string{
		`{"kind":"account","user":1,"name":"alice"}`,
		`{"kind":"account","user":2,"name":"bob"}`,
		`{"kind":"account","user":3,"name":"carol"}`,
		`{"kind":"group","group":7,"creator":2}`,
		`{"kind":"group","group":8,"creator":1}`,
		`{"kind":"message","from":1,"group":8,"id":"early","text":"hi"}`,
		`{"kind":"member","group":8,"user":2}`,
		`{"kind":"member","group":8,"user":1}`,
		`{"kind":"member","group":7,"user":1}`,
		`{"kind":"member","group":9,"user":1}`,
		`{"kind":"message","from":2,"to":1,"id":"a","text":"hi"}`,
		`{"kind":"message","from":1,"to":3,"id":"b","text":"hi"}`,
		`{"kind":"message","from":1,"group":7,"id":"c","text":"hi"}`,
		`{"kind":"message","from":1,"group":8,"id":"d","text":"fits"}`,
	}
	r, left := importLines(t, Config{Store: s}, file...)
	want(t, "left out", left,
		`line 3: account 2 "bob": the id belongs to "mallory" here`,
		`line 4: account 3 "carol": the name belongs to 10 here`,
		`line 5: group of group 7: its creator 2 is left out: the id belongs to "mallory" here`,
		`1 messages of group 8: nobody belongs to the group yet: members have to come before messages`,
		`line 8: member 2 of group 8: the id belongs to "mallory" here`,
		`line 10: member 1 of group 7: the group is left out: its creator 2 is left out: the id belongs to "mallory" here`,
		`line 11: member 1 of group 9: there is no such group`,
		`line 12: message a for 1: its sender is left out: the id belongs to "mallory" here`,
		`line 13: message b for 3: its receiver is left out: the name belongs to 10 here`,
		`line 14: message c of group 7: its group is left out: its creator 2 is left out: the id belongs to "mallory" here`,
	)
	if r.Messages != (Count{New: 1, Left: 4}) || r.Members != (Count{New: 1, Left: 3}) || r.Groups != (Count{New: 1, Left: 1}) {
		t.Errorf("imported %+v", r)
	}
}
