package record

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

func TestTakenNameAnswersItsAccount(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, created, err := s.Register(t.Context(), "alice", "hash")
		if err != nil || !created || alice.Credential != "hash" {
			t.Fatalf("registered %+v, %v, %v", alice, created, err)
		}
		again, created, err := s.Register(t.Context(), "alice", "other")
		if err != nil || created || again != alice {
			t.Errorf("registered again %+v, %v, %v", again, created, err)
		}
		for what, read := range map[string]func() (Account, error){
			"name": func() (Account, error) { return s.AccountByName(t.Context(), "alice") },
			"id":   func() (Account, error) { return s.AccountByID(t.Context(), alice.User) },
		} {
			if got, err := read(); err != nil || got != alice {
				t.Errorf("by %s: %+v, %v", what, got, err)
			}
		}
	})
}

// An id must not show when somebody registered, and the ids beside it must be nobody's.
func TestIDsOfNewUsersCannotBeWalked(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		ids := make([]int64, 50)
		for i := range ids {
			ids[i] = register(t, s, fmt.Sprintf("user-%d", i))
			if ids[i] < proto.RandomUser || ids[i] > proto.MaxUser {
				t.Errorf("id %d is not one of the random ones", ids[i])
			}
		}
		if slices.IsSorted(ids) {
			t.Error("the ids are in the order of registration")
		}
		slices.Sort(ids)
		for i := range len(ids) - 1 { // of 2^53 ids, two of 50 are that close once in 10^9 runs
			if ids[i+1]-ids[i] < 1000 {
				t.Errorf("ids %d and %d are neighbours", ids[i], ids[i+1])
			}
		}
	})
}

func TestAccountIsFoundByItsIDUnderAnyName(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice := register(t, s, "alice")
		register(t, s, "bob")
		for _, name := range []string{"alice", "Alice", "bob", "carol", ""} {
			if acc, err := s.AccountNamed(t.Context(), alice, name); err != nil || acc.User != alice || acc.Name != "alice" {
				t.Errorf("the id of alice and the name %q are %+v, %v", name, acc, err)
			}
		}
		if acc, err := s.AccountNamed(t.Context(), alice+1, "alice"); !errors.Is(err, ErrNoUser) {
			t.Errorf("an id of nobody and the name of alice are %+v, %v", acc, err)
		}
	})
}

func TestReservedIDIsNobody(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		register(t, s, "alice")
		const user = 7
		reserve := op.Write(idKey(user), []any{"set", idKey(user), "alice"}) // as a process that dies before it takes the name
		if s.Run(t.Context(), "register", reserve); reserve.Err != nil {
			t.Fatal(reserve.Err)
		}
		if acc, err := s.AccountByID(t.Context(), user); !errors.Is(err, ErrNoUser) {
			t.Errorf("reserved id is %+v, %v", acc, err)
		}
		if _, err := s.AccountByName(t.Context(), "bob"); !errors.Is(err, ErrNoUser) {
			t.Errorf("bob: %v", err)
		}
	})
}

func TestAdoptedAccountKeepsItsID(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		const user = 1547028929407
		for range 2 { // the second time the account exists
			if err := s.Adopt(t.Context(), user, "bob", false); err != nil {
				t.Fatal(err)
			}
		}
		if acc, err := s.AccountByID(t.Context(), user); err != nil || acc.Name != "bob" {
			t.Errorf("adopted %+v, %v", acc, err)
		}
		if err := s.Adopt(t.Context(), user, "carol", false); !errors.Is(err, ErrNameTaken) {
			t.Errorf("another name for the id: %v", err)
		}
		if err := s.Adopt(t.Context(), user+1, "bob", false); !errors.Is(err, ErrNameTaken) {
			t.Errorf("another id for the name: %v", err)
		}
	})
}

// After an inbox was made again, each device without a cursor begins at the beginning,
// as long as entries from right after the loss are kept. After an inbox was made for
// the first time, it does not.
func TestInboxThatIsMadeAgainSaysSo(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		const adopted, lost = 1547028929407, 1547028929408
		for user, again := range map[int64]bool{adopted: false, lost: true} {
			if err := s.Adopt(t.Context(), user, fmt.Sprint("user-", user), again); err != nil {
				t.Fatal(err)
			}
		}
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		hash := logref.Ref{User: bob}.Hash()
		redo := func(cmd ...any) {
			t.Helper()
			o := op.Write(hash, cmd)
			if s.Run(t.Context(), "sessions", o); o.Err != nil {
				t.Fatal(o.Err)
			}
		}
		wantStart := func(user int64, device string, beginning bool) {
			t.Helper()
			at := proto.Position{Log: proto.Everyone, Epoch: 0xab, Number: 7, Key: "9:x"}
			o := s.OpenSessions(t.Context(), []Opening{{User: user, Session: Session{Device: device, Node: "n1", Boot: 7, Addr: "a:1"}, Start: at}})[0]
			if beginning {
				at.Number, at.Key = 1, entry.GenesisKey
			}
			if o.Err != nil || !slices.Contains(o.Cursors, at) {
				t.Errorf("%s of %d starts at %v, %v; want %v", device, user, o.Cursors, o.Err, at)
			}
		}
		redo("del", hash)
		for user, want := range map[int64]bool{adopted: false, lost: true, alice: false, bob: true} {
			for _, device := range []string{"phone", "desk"} {
				wantStart(user, device, want)
			}
		}
		redo("hset", hash, "again", time.Now().Add(-32*24*time.Hour).UnixMilli())
		wantStart(bob, "tablet", false)
	})
}

// A hundred clients register in one millisecond, four for each name.
func TestRegistrationRaceGivesUniqueIDs(t *testing.T) {
	now := time.Now()
	cfg := Config{Now: func() time.Time { return now }, PoolSize: 20}
	each(t, cfg, func(t *testing.T, s *Store) {
		const clients, names = 100, 25
		var mu sync.Mutex
		var all sync.WaitGroup
		made := 0
		users := make(map[int64]string)
		ids := make(map[string]int64)
		for i := range clients {
			all.Go(func() {
				name := fmt.Sprint("user", i%names)
				acc, created, err := s.Register(t.Context(), name, "")
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Errorf("register %s: %v", name, err)
					return
				}
				if created {
					made++
				}
				if owner, ok := users[acc.User]; ok && owner != name {
					t.Errorf("%s and %s are both %d", owner, name, acc.User)
				}
				if id, ok := ids[name]; ok && id != acc.User {
					t.Errorf("%s is both %d and %d", name, id, acc.User)
				}
				users[acc.User], ids[name] = name, acc.User
			})
		}
		all.Wait()
		if made != names || len(users) != names {
			t.Errorf("%d accounts made, %d ids, want %d", made, len(users), names)
		}
	})
}

func TestImportedAccountsKeepTheirIDs(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		if err := s.Adopt(t.Context(), 3, "carol", false); err != nil {
			t.Fatal(err)
		}
		list := []Account{{User: 1, Name: "alice"}, {User: 2, Name: "bob", Credential: "hash"}, {User: 3, Name: "carl"}, {User: 4, Name: "carol"}, {User: 5, Name: "alice"}, {User: 1, Name: "alice"}}
		want := []accounts.ImportState{accounts.ImportNew, accounts.ImportNew, accounts.ImportClash, accounts.ImportClash, accounts.ImportClash, accounts.ImportThere}
		for _, dry := range []bool{true, false} {
			for i, a := range s.ImportAccounts(t.Context(), list, dry) {
				if a.Err != nil || a.State != want[i] || a.State == accounts.ImportNew && a.Locked != (i == 0) {
					t.Errorf("dry %v, account %d: %+v, want state %d", dry, i, a, want[i])
				}
			}
			for i, acc := range list[:2] {
				got, err := s.AccountByID(t.Context(), acc.User)
				if dry != errors.Is(err, ErrNoUser) || !dry && got != acc {
					t.Errorf("dry %v, account %d: %+v, %v", dry, i, got, err)
				}
			}
		}
		// An account that clashes leaves nothing behind, so the id 5 is still free.
		if err := s.Adopt(t.Context(), 5, "erin", false); err != nil {
			t.Error(err)
		}
		for i, a := range s.ImportAccounts(t.Context(), []Account{{User: 1, Name: "alice", Credential: "new"}, {User: 2, Name: "bob", Credential: "new"}}, false) {
			if a.Err != nil || a.State != accounts.ImportThere || a.Given != (i == 0) || a.Locked {
				t.Errorf("account %d: %+v", i, a)
			}
		}
		if acc, _ := s.AccountByName(t.Context(), "bob"); acc.Credential != "hash" {
			t.Errorf("bob's credential is %q", acc.Credential)
		}
		if acc, _ := s.AccountByName(t.Context(), "alice"); acc.Credential != "new" {
			t.Errorf("alice's credential is %q", acc.Credential)
		}
	})
}

// An import that was killed has reserved an id. The next import makes the account.
func TestImportGoesOnWithAReservedID(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		s.Run(t.Context(), "register", op.Write(idKey(1), []any{"set", idKey(1), "alice"}))
		if a := s.ImportAccounts(t.Context(), []Account{{User: 1, Name: "alice"}}, false)[0]; a.Err != nil || a.State != accounts.ImportNew {
			t.Errorf("%+v", a)
		}
		if acc, err := s.AccountByID(t.Context(), 1); err != nil || acc.Name != "alice" {
			t.Errorf("%+v, %v", acc, err)
		}
	})
}
