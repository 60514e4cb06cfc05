package contacts_test

import (
	"os"
	"testing"

	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// each runs a test with two Stores on every kind of store, which it empties first.
func each(t *testing.T, one, other record.Config, f func(t *testing.T, one, other *record.Store)) {
	storetest.Each(t, func(t *testing.T, url string) {
		one.URL, other.URL = url, url
		s := dial(t, one)
		f(t, s, dial(t, other))
	})
}

// dial returns a Store, and empties what it stores in.
func dial(t testing.TB, cfg record.Config) *record.Store {
	t.Helper()
	cfg.AllowEmbedded, cfg.DialTimeout = true, wait.Limit
	s, err := record.Dial(t.Context(), cfg)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	storetest.Flush(t, s.Topology)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// register makes an account and returns its user.
func register(t testing.TB, s *record.Store, name string) int64 {
	t.Helper()
	acc, _, err := s.Register(t.Context(), name, "")
	must(t, err)
	return acc.User
}

// befriend makes two users contacts of each other.
func befriend(t testing.TB, s *record.Store, a, b int64) {
	t.Helper()
	_, err := s.AskContact(t.Context(), a, b, "")
	must(t, err)
	must(t, s.AcceptContact(t.Context(), b, a))
}

// write sends a message from one user to another one.
func write(t testing.TB, s *record.Store, from, to int64, id string) {
	t.Helper()
	must(t, s.Append(t.Context(), []record.Message{{From: from, To: to, ID: id, Text: "hi"}})[0].Err)
}

// loseHash removes the hash of a user's inbox, as a failover may.
func loseHash(t testing.TB, s *record.Store, user int64) {
	t.Helper()
	key := logref.Ref{User: user}.Hash()
	o := op.Write(key, []any{"del", key})
	s.Run(t.Context(), "test", o)
	must(t, o.Err)
}
