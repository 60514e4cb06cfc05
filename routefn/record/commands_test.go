package record

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// commands returns how many commands a server has executed, those of scripts too, but
// not those that a Store sends once a second.
func commands(t testing.TB, s *Store) (n int) {
	t.Helper()
	client, err := s.Topology.Master(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	for name, line := range commandStats(t, client) {
		if name != "time" && name != "info" {
			n += line
		}
	}
	return n
}

func commandStats(t testing.TB, client *redis.Client) map[string]int {
	t.Helper()
	info, err := client.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	stats := make(map[string]int)
	for line := range strings.Lines(info) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		if ok {
			calls, _, _ := strings.Cut(rest, ",")
			stats[name], _ = strconv.Atoi(calls)
		}
	}
	return stats
}

// A private message is two transactions of three commands, and one command that notes its
// id. Twelve of one sender take one more command for the limit. A group's message has its
// limits in the script that appends it anyway.
func TestLimitsTakeFewCommands(t *testing.T) {
	for name, c := range map[string]struct {
		limits         limit.Limits
		private, group int // of 24 messages
	}{
		"off":     {limit.Limits{}, 264, 144},
		"default": {limit.Default(), 266, 170},
	} {
		t.Run(name, func(t *testing.T) {
			s := dial(t, Config{URL: storetest.Server.URL(), Limits: c.limits})
			flush(t, s)
			alice, bob := register(t, s, "alice"), register(t, s, "bob")
			g := group(t, s, Account{User: alice, Name: "alice"})
			hash := logref.Ref{Group: g}.Hash() // they joined long ago
			s.Run(t.Context(), "change", op.Write(hash, []any{"hset", hash, "joined", 0}))
			stored(t, s, private(alice, bob, "a"), toGroup(Account{User: alice, Name: "alice"}, g, "b"))
			for what, m := range map[string]Message{"private": private(alice, bob, ""), "group": toGroup(Account{User: alice, Name: "alice"}, g, "")} {
				before := commands(t, s)
				for i := range 24 {
					m.ID = fmt.Sprint(what, i)
					stored(t, s, m)
				}
				want := map[string]int{"private": c.private, "group": c.group}[what]
				if got := commands(t, s) - before; got != want {
					t.Errorf("24 messages (%s) take %d commands, want %d", what, got, want)
				}
			}
		})
	}
}
