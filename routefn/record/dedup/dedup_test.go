package dedup

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/redistest"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

const (
	alice = 4503599627370495
	day   = int64(24 * time.Hour / time.Millisecond)
	noon  = 20788*day + day/2
)

// store runs the operations of an Index at any time.
type store struct {
	testing.TB
	*Index
	db *op.DB
}

func each(t *testing.T, c Config, f func(*testing.T, store)) {
	storetest.Each(t, func(t *testing.T, url string) { f(t, dial(t, c, url)) })
}

func dial(t testing.TB, c Config, url string) store {
	t.Helper()
	db, err := op.Dial(t.Context(), op.Config{Config: servers.Config{URL: url, ReadTimeout: wait.Limit}, AllowEmbedded: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	storetest.Flush(t, db.Topology)
	return store{t, New(c), db}
}

func (s store) run(o *op.Op) {
	s.Helper()
	if s.db.Run(s.Context(), "claim", o); o.Err != nil {
		s.Fatal(o.Err)
	}
}

// claim claims ids at a time.
func (s store) claim(at int64, content uint64, ids ...string) *Claim {
	s.Helper()
	c := s.Claim(alice, at, false)
	for _, id := range ids {
		c.Add(id, Use{content, at})
	}
	c.AskOldest()
	s.run(c.Make())
	if o := c.First(); o != nil {
		s.run(o)
		c.Second()
	}
	if c.Full() {
		s.run(s.Rotate(alice, at))
	}
	return c
}

func (s store) want(what string, c *Claim, i int, want Use) {
	s.Helper()
	if had, known := c.Had(i); had != want || known != (want != Use{}) || c.Fresh(i) == known {
		s.Errorf("%s: it stood for %+v (known %v, fresh %v), want %+v", what, had, known, c.Fresh(i), want)
	}
}

func TestIDIsKnownForAGenerationAtLeast(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s store) {
		s.want("new", s.claim(noon, 7, "m"), 0, Use{})
		for what, at := range map[string]int64{"at once": noon, "a day later": noon + day} {
			s.want(what, s.claim(at, 8, "m"), 0, Use{7, noon})
		}
		c := s.claim(noon+2*day, 8, "m", "n") // the claim a day later has kept it
		s.want("a day after its last use", c, 0, Use{7, noon})
		s.want("another", c, 1, Use{})
		s.want("after two days without a use", s.claim(noon+4*day, 9, "m"), 0, Use{})
	})
}

// The clock of one route is in the next generation already.
func TestClocksOfTwoRoutesDiffer(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s store) {
		midnight := 20789 * day
		s.claim(midnight+1, 7, "m")
		s.want("by a clock that is behind", s.claim(midnight-50_000, 8, "m"), 0, Use{7, midnight + 1})
	})
}

func TestLatestIDsAreKnown(t *testing.T) {
	const most = 50
	each(t, Config{Most: most}, func(t *testing.T, s store) {
		if got := s.claim(noon, 1, "first").Oldest(); got != noon-day {
			t.Errorf("remembered since %d, want %d", got, noon-day)
		}
		var ids []string
		for i := range 1000 {
			ids = append(ids, fmt.Sprint("m", i))
			s.claim(noon+int64(i), 1, ids[i])
		}
		c := s.claim(noon+1000, 2, ids[len(ids)-most:]...)
		for i := range most {
			s.want(ids[len(ids)-most+i], c, i, Use{1, noon + int64(len(ids)-most+i)})
		}
		s.want("an id long before", s.claim(noon+1001, 2, "first"), 0, Use{})
		if oldest := c.Oldest(); oldest <= noon || oldest >= noon+1000-most {
			t.Errorf("remembered since %d", oldest-noon)
		}
	})
}

// The latest claim is released. A claim of somebody else since then is not.
func TestRelease(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s store) {
		late := s.claim(noon, 1, "m")
		s.run(late.Release(0))
		s.want("released", s.claim(noon+1, 2, "m"), 0, Use{})
		s.run(late.Release(0))
		moved := s.claim(noon+2, 2, "m")
		s.want("released late", moved, 0, Use{2, noon + 1})
		s.run(moved.Move(0, noon+5))
		s.want("moved", s.claim(noon+6, 3, "m"), 0, Use{2, noon + 5})
	})
}

func TestNoteTellsWhetherItIsTheFirst(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s store) {
		for _, want := range []bool{true, false} {
			c := s.Claim(alice, noon, true)
			c.Add("m", Use{1, noon})
			if s.run(c.Make()); c.First() != nil || c.Fresh(0) != want {
				t.Errorf("fresh %v, want %v", c.Fresh(0), want)
			}
		}
	})
}

// All hashes expire, also the one that was replaced.
func TestHashesExpire(t *testing.T) {
	each(t, Config{Most: 10}, func(t *testing.T, s store) {
		for i := range 500 {
			s.claim(noon, 1, fmt.Sprint(i))
		}
		for _, key := range s.Keys(alice, noon)[:2] {
			o := op.Read(key, []any{"pttl", key})
			if s.run(o); op.Integer(o.Reply[0]) <= 0 {
				t.Errorf("%s lives for %d ms", key, op.Integer(o.Reply[0]))
			}
		}
	})
}

// An id takes at most 80 bytes of memory, with many ids and with a hundred, on Redis and on
// Valkey.
func TestIDTakesLittleMemory(t *testing.T) {
	for name, server := range map[string]*redistest.Server{"redis": storetest.Primary(t), "valkey": storetest.Valkey(t)} {
		s := dial(t, Config{}, server.URL())
		client := redis.NewClient(&redis.Options{Addr: strings.TrimPrefix(server.URL(), "redis://")})
		defer client.Close()
		ids := 0
		for _, n := range []int64{100, 1000, 10_000, 100_000} {
			for int64(ids) < n {
				c := s.Claim(alice, noon, true)
				for range 100 {
					c.Add(fmt.Sprint("message ", ids), Use{uint64(ids), noon})
					ids++
				}
				s.run(c.Make())
				c.First()
			}
			used, err := client.MemoryUsage(t.Context(), s.Keys(alice, noon)[1], 0).Result()
			if err != nil || used > 80*n {
				t.Errorf("%s: %d ids take %d bytes, %v", name, n, used, err)
			}
			t.Logf("%s: %d ids take %.1f bytes each", name, n, float64(used)/float64(n))
		}
	}
}
