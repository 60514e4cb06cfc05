package migrate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/migrate/javacim"
	"github.com/cim-go/cim/routefn/record"
)

const (
	alice = 1547028929407 + iota
	bob
	carol
)

// texts returns the messages in a user's inbox, each as "sender: text".
func texts(t *testing.T, s *record.Store, user int64) []string {
	t.Helper()
	p, err := s.Pull(t.Context(), user, proto.Position{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range p.Entries {
		entry, from, _, err := open(e)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%d %s: %s", from-alice, entry.FromName, entry.Text))
	}
	return list
}

func want(t *testing.T, what string, got []string, lines ...string) {
	t.Helper()
	if !slices.Equal(got, lines) {
		t.Errorf("%s is\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(lines, "\n"))
	}
}

// The store is in the same database as CIM's data. Accounts keep their ids, and the
// waiting messages are there in order, with their senders. None of CIM's keys has
// changed.
func TestImportOfCIMKeepsIDsOrderAndSenders(t *testing.T) {
	server := redis(t)
	var d javacim.Data
	for i, name := range []string{"alice", "bob", "carol"} {
		d.Account(alice+int64(i), name)
	}
	at := time.Now().Add(-time.Hour)
	d.Waits(alice, "alice", bob, "one", at)
	d.Waits(carol, "carol", bob, "two", at.Add(time.Second))
	d.Waits(alice, "alice", bob, "three", at)
	d.Waits(bob, "bob", alice, `"four" 🍕`, at)
	d.Set("cim-route:1547028929407", "127.0.0.1:11211:8081")
	fill(t, server, &d)
	before, err := server.Dump(t.Context(), "*")
	if err != nil {
		t.Fatal(err)
	}
	s, source := dial(t, server.URL()), cim(t, server)

	dry, left := importCIM(t, Config{Store: s, Dry: true}, source)
	want(t, "left out", left)
	if d := dump(t, server); len(d) > 0 {
		t.Errorf("a dry run wrote %v", slices.Collect(maps.Keys(d)))
	}
	r, left := importCIM(t, Config{Store: s}, source)
	want(t, "left out", left)
	if r != dry || r.Accounts.New != 3 || r.Messages.New != 4 || r.Locked != 3 {
		t.Errorf("imported %+v, the dry run said %+v", r, dry)
	}
	want(t, "bob's inbox", texts(t, s, bob), "0 alice: one", "2 carol: two", "0 alice: three")
	want(t, "alice's inbox", texts(t, s, alice), `1 bob: "four" 🍕`)
	if acc, err := s.AccountByName(t.Context(), "carol"); err != nil || acc.User != carol {
		t.Errorf("carol is %+v, %v", acc, err)
	}
	p, err := s.Pull(t.Context(), bob, proto.Position{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if entry, _, _, _ := open(p.Entries[0]); entry.Time != at.UnixMilli() {
		t.Errorf("the first has the time %d, want %d", entry.Time, at.UnixMilli())
	}

	imported := dump(t, server)
	r, _ = importCIM(t, Config{Store: s}, source)
	if r.Accounts != (Count{Had: 3}) || r.Messages != (Count{Had: 4}) {
		t.Errorf("a second run did %+v", r)
	}
	if now := dump(t, server); !maps.Equal(now, imported) {
		t.Error("a second run changed the store")
	}
	after, err := server.Dump(t.Context(), "*")
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range before {
		if after[key] != value {
			t.Errorf("the import changed CIM's %s", key)
		}
	}
}

// Between two imports, CIM delivers waiting messages and stores new ones.
func TestSecondImportOfCIMTakesWhatIsNew(t *testing.T) {
	java, server := redis(t), redis(t)
	s, source := dial(t, server.URL()), cim(t, java)
	var d javacim.Data
	d.Account(alice, "alice")
	d.Account(bob, "bob")
	at := time.Now().Add(-time.Hour)
	first := d.Waits(alice, "alice", bob, "one", at)
	second := d.Waits(alice, "alice", bob, "two", at)
	fill(t, java, &d)
	importCIM(t, Config{Store: s}, source)

	d.Delivered(bob, first, second)
	d.Account(carol, "carol")
	d.Waits(carol, "carol", bob, "three", at.Add(-time.Minute)) // from another route, whose clock is behind
	d.Waits(alice, "alice", bob, "four", at)
	fill(t, java, &d)
	for _, more := range []int64{2, 0} {
		r, left := importCIM(t, Config{Store: s}, source)
		want(t, "left out", left)
		if r.Messages.New != more {
			t.Errorf("%d messages were new, want %d", r.Messages.New, more)
		}
	}
	want(t, "bob's inbox", texts(t, s, bob), "0 alice: one", "0 alice: two", "2 carol: three", "0 alice: four")
}

// Data that collide with existing data are left out and reported, together with all
// that belongs to them.
func TestImportOfCIMTellsWhatItLeavesOut(t *testing.T) {
	java, server := redis(t), redis(t)
	s, source := dial(t, server.URL()), cim(t, java)
	if err := s.Adopt(t.Context(), bob, "mallory", false); err != nil { // here, bob's id is another account's
		t.Fatal(err)
	}
	if err := s.Adopt(t.Context(), carol+100, "carol", false); err != nil { // here, carol's name is another account's
		t.Fatal(err)
	}
	var d javacim.Data
	const dave, erin, twin = carol + 1, carol + 2, carol + 3
	for user, name := range map[int64]string{alice: "alice", bob: "bob", carol: "carol", erin: " erin", dave: "dave"} {
		d.Account(user, name)
	}
	d.Set(fmt.Sprint("cim-account:", twin), "dave") // two users with one name registered at once, and CIM finds the other one by it
	at := time.Now().Add(-time.Hour)
	d.Waits(bob, "bob", alice, "from one who clashes", at)
	d.Waits(alice, "alice", carol, "to one who clashes", at)
	d.Waits(alice, "alice", dave, "fits", at)
	d.Waits(alice, "alice", dave, strings.Repeat("x", 101), at)
	d.Waits(alice, "alice", dave, "old", at.Add(-15*24*time.Hour))
	d.Waits(alice, "alice", dave, "", at)
	d.Waits(twin, "dave", alice, "from a twin", at)
	d.Waits(999, "nobody", alice, "from nobody", at)
	d.Waits(alice, "alice", 998, "to nobody", at)
	lost := d.Waits(alice, "alice", dave, "expired", at)
	d.Commands = append(d.Commands, []any{"del", fmt.Sprint("offline:msg:", lost)})
	both := d.Waits(alice, "alice", dave, "overwritten", at)
	d.WaitsAs(both, dave, "dave", alice, "written over it", at)
	d.Commands = append(d.Commands, []any{"set", "offline:msg:7", "no JSON"}, []any{"rpush", fmt.Sprint("offline:msg:user:", dave), "7"},
		[]any{"sadd", "cim-account:77", "x"}, []any{"set", "cim-account:x", "y"})
	fill(t, java, &d)

	var lines []string
	for _, dry := range []bool{true, false} {
		r, left := importCIM(t, Config{Store: s, Dry: dry, MaxText: 100}, source)
		slices.Sort(left)
		if lines != nil && !slices.Equal(left, lines) {
			t.Errorf("left out\n%s\nthe dry run said\n%s", strings.Join(left, "\n"), strings.Join(lines, "\n"))
		}
		lines = left
		if r.Accounts != (Count{New: 2, Left: 4}) || r.Messages != (Count{New: 2, Left: 11}) {
			t.Errorf("dry %v: %+v", dry, r)
		}
	}
	for _, reason := range []string{
		`account 1547028929408 "bob": the id belongs to "mallory" here`,
		`account 1547028929409 "carol": the name belongs to 1547028929509 here`,
		`account 1547028929411 " erin": its name cannot be used here: A name neither begins nor ends with a space.`,
		`account 1547028929412 "dave": CIM has two accounts of that name, and finds 1547028929410 by it`,
		`its sender 1547028929408 is left out: the id belongs to "mallory" here`,
		`1 messages for 1547028929409: its receiver is left out: the name belongs to`,
		`its text has 101 bytes, more than -max-text 100`, `it is older than -keep-days`, `it has no text`,
		`its sender 1547028929412 is left out`, `its sender 999 is left out: it has no account in CIM`,
		`1 messages for 998: its receiver is left out: it has no account in CIM`,
		`CIM does not have it any more`, `CIM gave its id to a message for 1547028929407, too`, `message 7 for 1547028929410: it cannot be read`,
	} {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, reason) }) {
			t.Errorf("nothing was left out because %q:\n%s", reason, strings.Join(lines, "\n"))
		}
	}
	want(t, "dave's inbox", texts(t, s, dave), "0 alice: fits")
	want(t, "alice's inbox", texts(t, s, alice), "3 dave: written over it")
	want(t, "mallory's inbox", texts(t, s, bob))
	want(t, "the other carol's inbox", texts(t, s, carol+100))
}

// A user with many messages is imported in pieces, in order.
func TestImportOfCIMGoesThroughLongLists(t *testing.T) {
	java := redis(t)
	s, source := fresh(t), cim(t, java)
	var d javacim.Data
	d.Account(alice, "alice")
	d.Account(bob, "bob")
	const n = 2*page + 7
	at := time.Now().Add(-time.Hour)
	for i := range n {
		d.Waits(alice, "alice", bob, fmt.Sprint(i), at.Add(time.Duration(i)*time.Millisecond))
	}
	fill(t, java, &d)
	r, left := importCIM(t, Config{Store: s, KeepCount: n}, source)
	want(t, "left out", left)
	if r.Messages.New != n || r.Long != 1 { // one more with the genesis entry
		t.Errorf("imported %+v", r)
	}
	out := export(t, s, false)
	last := -1
	for i := range n {
		at := strings.Index(out, fmt.Sprintf(`"text":"%d"`, i))
		if at < last {
			t.Fatalf("text %d stands before the one before it", i)
		}
		last = at
	}
}

func TestImportOfCIMGoesOnAfterAKill(t *testing.T) {
	java := redis(t)
	source := cim(t, java)
	var d javacim.Data
	at := time.Now().Add(-time.Hour)
	for i := range int64(30) {
		d.Account(alice+i, fmt.Sprint("user", i))
	}
	for i := range int64(300) {
		d.Waits(alice+i%7, fmt.Sprint("user", i%7), alice+i%29, fmt.Sprint("text ", i), at)
	}
	fill(t, java, &d)
	killed(t, func(ctx context.Context, cfg Config) error {
		_, err := FromCIM(ctx, cfg, source)
		return err
	})
}

// Registrations go on after an import, under other ids.
func TestRegistrationsMeetNoImportedID(t *testing.T) {
	java := redis(t)
	s, source := fresh(t), cim(t, java)
	var d javacim.Data
	now := time.Now().UnixMilli()
	for i := range int64(300) { // ids that registrations of the next seconds would get
		d.Account(now+40*i, fmt.Sprint("user", i))
	}
	fill(t, java, &d)
	importCIM(t, Config{Store: s}, source)
	for i := range 100 {
		acc, created, err := s.Register(t.Context(), fmt.Sprint("new", i), "")
		if err != nil || !created {
			t.Fatalf("register: %v, %v", created, err)
		}
		if (acc.User-now)%40 == 0 && acc.User >= now && acc.User < now+40*300 {
			t.Errorf("%s has the id %d, which was imported", acc.Name, acc.User)
		}
	}
}
