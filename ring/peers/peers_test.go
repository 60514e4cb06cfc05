// Package peers compares the ring with other Go libraries that assign keys to members.
// It is a separate module, so that the system does not depend on these libraries.
//
//	cd ring/peers && go test -bench . -count 5
package peers

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/dgryski/go-rendezvous"
	"github.com/serialx/hashring"
	"stathat.com/c/consistent"

	"github.com/cim-go/cim/ring"
)

// users is the number of keys. They are made before the measurements.
const users = 1 << 16

var keys = func() []string {
	keys := make([]string, users)
	for i := range keys {
		keys[i] = strconv.Itoa(i + 1)
	}
	return keys
}()

// A library makes a ring of names and returns a function that looks up the i-th user's
// member.
type library struct {
	name string
	make func(names []string) func(i int) string
}

var libraries = []library{
	{"ours", func(names []string) func(int) string {
		members := make([]ring.Member, len(names))
		for i, name := range names {
			members[i] = ring.Member{ID: name, Weight: 1, State: ring.Serving}
		}
		r := ring.New(members)
		return func(i int) string { owner, _ := r.Owner(int64(i + 1)); return owner }
	}},
	{"stathat-consistent", func(names []string) func(int) string {
		r := consistent.New()
		r.Set(names)
		return func(i int) string { owner, _ := r.Get(keys[i]); return owner }
	}},
	{"serialx-hashring", func(names []string) func(int) string {
		r := hashring.New(names)
		return func(i int) string { owner, _ := r.GetNode(keys[i]); return owner }
	}},
	{"dgryski-rendezvous", func(names []string) func(int) string {
		r := rendezvous.New(names, xxhash.Sum64String)
		return func(i int) string { return r.Lookup(keys[i]) }
	}},
}

func names(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("node-%d", i)
	}
	return names
}

// BenchmarkOwner measures a lookup.
func BenchmarkOwner(b *testing.B) {
	for _, n := range []int{10, 1000} {
		for _, l := range libraries {
			b.Run(fmt.Sprintf("members=%d/%s", n, l.name), func(b *testing.B) {
				owner := l.make(names(n))
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					owner(i)
					i = (i + 1) % users
				}
				b.ReportMetric(fullest(owner, n), "fullest/mean")
			})
		}
	}
}

// BenchmarkNew measures a new ring and its first lookup.
func BenchmarkNew(b *testing.B) {
	for _, l := range libraries {
		b.Run("members=1000/"+l.name, func(b *testing.B) {
			list := names(1000)
			for b.Loop() {
				l.make(list)
			}
		})
	}
}

// fullest returns how many users the fullest member has, as a multiple of the mean.
func fullest(owner func(int) string, members int) float64 {
	count := make(map[string]int)
	for i := range users {
		count[owner(i)]++
	}
	most := 0
	for _, n := range count {
		most = max(most, n)
	}
	return float64(most) * float64(members) / users
}

// The benchmarks rely on this: every library finds a member, and the same one each time.
func TestEveryLibraryFindsAMember(t *testing.T) {
	list := names(100)
	for _, l := range libraries {
		a, b := l.make(list), l.make(list)
		for i := range users {
			if owner := a(i); owner != b(i) || !slices.Contains(list, owner) {
				t.Fatalf("%s: user %d is at %q, then at %q", l.name, i+1, owner, b(i))
			}
		}
	}
}
