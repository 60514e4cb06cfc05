package record

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

// One operation is one message of a batch of 100 among 1,000 users, with 128 bytes of
// text. cpu-us/msg is the CPU time of the server for both copies.
func BenchmarkAppendPrivate(b *testing.B) {
	plenty := limit.Rate{Every: time.Microsecond, Burst: 1 << 40}
	limits := limit.Limits{Messages: plenty, GroupMember: plenty, Group: plenty, Receivers: plenty}
	for _, name := range []string{"first", "first-limited", "claimed", "claimed-limited", "again", "again-limited"} {
		b.Run(name, func(b *testing.B) {
			c := Config{URL: storetest.Server.URL(), Registerer: prometheus.NewRegistry()}
			if strings.HasSuffix(name, "limited") {
				c.Limits = limits
			}
			s := dial(b, c)
			flush(b, s)
			users := make([]int64, 1000)
			for i := range users {
				users[i] = register(b, s, fmt.Sprint("user", i))
			}
			batch := make([]Message, 100)
			text := strings.Repeat("x", 128)
			before := serverCPU(b, s)
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				i := n % len(batch)
				batch[i] = private(users[n%1000], users[(n*7+1)%1000], fmt.Sprint(n))
				batch[i].Text, batch[i].Again, batch[i].Claim = text, strings.HasPrefix(name, "again"), strings.HasPrefix(name, "claimed")
				if n++; i == len(batch)-1 {
					stored(b, s, batch...)
				}
			}
			b.ReportMetric((serverCPU(b, s)-before)*1e6/float64(n), "cpu-us/msg")
		})
	}
}

// One operation is one message of a batch of 64, as requests over HTTP or connections have
// them outstanding: of one account or of 64, each to its own receiver. Each log has as many
// recent entries.
func BenchmarkAppendOutstanding(b *testing.B) {
	for _, how := range []string{"first", "claimed"} {
		for _, accounts := range []int{1, 64} {
			for _, recent := range []int{0, 1000} {
				b.Run(fmt.Sprintf("%s/accounts=%d/recent=%d", how, accounts, recent), func(b *testing.B) {
					s := dial(b, Config{URL: storetest.Server.URL(), Retention: Retention{Count: 1 << 30}})
					flush(b, s)
					users := make([]int64, 128)
					for i := range users {
						users[i] = register(b, s, fmt.Sprint("user", i))
					}
					batch := make([]Message, 64)
					send := func(n int, how string) {
						for i := range batch {
							batch[i] = private(users[i%accounts], users[64+i], fmt.Sprint(how, n, "-", i))
							batch[i].Text, batch[i].Claim = strings.Repeat("x", 128), how == "claimed"
						}
						stored(b, s, batch...)
					}
					for n := range max(1, recent) {
						send(n, "warm")
					}
					before := serverCPU(b, s)
					n := 0
					b.ReportAllocs()
					for b.Loop() {
						if n++; n%len(batch) == 0 {
							send(n, how)
						}
					}
					b.ReportMetric((serverCPU(b, s)-before)*1e6/float64(n), "cpu-us/msg")
				})
			}
		}
	}
}

// One operation is one message of a batch of 100 to a group.
func BenchmarkAppendGroup(b *testing.B) {
	plenty := limit.Rate{Every: time.Microsecond, Burst: 1 << 40}
	for name, c := range map[string]struct {
		members int
		limits  limit.Limits
	}{"10": {10, limit.Limits{}}, "10000": {10_000, limit.Limits{}}, "10000-limited": {10_000, limit.Limits{GroupMember: plenty, Group: plenty}}} {
		b.Run(name, func(b *testing.B) {
			members := c.members
			s := dial(b, Config{URL: storetest.Server.URL(), Limits: c.limits})
			flush(b, s)
			g := group(b, s)
			senders := crowd(b, s, g, members)
			for _, c := range s.ChangeGroups(b.Context(), senders) {
				if c.Err != nil {
					b.Fatal(c.Err)
				}
			}
			hash := logref.Ref{Group: g}.Hash() // as if they had joined long ago
			s.Run(b.Context(), "change", op.Write(hash, []any{"hset", hash, "joined", 0}))
			batch := make([]Message, 100)
			before := serverCPU(b, s)
			n := 0
			for b.Loop() {
				i := n % len(batch)
				by := senders[n%len(senders)]
				batch[i] = toGroup(Account{User: by.User, Name: by.Name}, g, fmt.Sprint(n))
				batch[i].Text = strings.Repeat("x", 128)
				if n++; i == len(batch)-1 {
					stored(b, s, batch...)
				}
			}
			b.ReportMetric((serverCPU(b, s)-before)*1e6/float64(n), "cpu-us/msg")
		})
	}
}

// One operation is one message of a batch of 100 to everyone, at ten batches per
// second. In one case no node enters the group meanwhile, in the other one nodes enter
// all the time.
func BenchmarkAppendEveryone(b *testing.B) {
	for _, coming := range []bool{false, true} {
		b.Run(fmt.Sprint("coming=", coming), func(b *testing.B) {
			s := dial(b, Config{URL: storetest.Server.URL()})
			flush(b, s)
			alice := register(b, s, "alice")
			batch := make([]Message, 100)
			before := serverCPU(b, s)
			n := 0
			for b.Loop() {
				i := n % len(batch)
				batch[i] = Message{From: alice, FromName: "alice", Group: proto.Everyone, ID: fmt.Sprint(n), Text: strings.Repeat("x", 128), Sent: s.Now()}
				if n++; i == len(batch)-1 {
					if coming {
						s.EnterNode(b.Context(), Lease{Node: "n1", Boot: 1, Addr: "a"}, []Entering{{Group: proto.Everyone}})
					}
					stored(b, s, batch...)
				}
			}
			b.ReportMetric((serverCPU(b, s)-before)*1e6/float64(n), "cpu-us/msg")
		})
	}
}

// One operation is one message. Each of the callers waits for its answer.
func BenchmarkAppendLevel(b *testing.B) {
	primary := newPrimary(b)
	newReplica(b, primary.Addr())
	for _, callers := range []int{1, 64} {
		for replicas, level := range []string{"primary", "replica"} {
			b.Run(fmt.Sprintf("%s/%d", level, callers), func(b *testing.B) {
				s := dial(b, Config{URL: primary.URL(), Replicas: replicas})
				flush(b, s)
				users := make([]int64, callers+1)
				for i := range users {
					users[i] = register(b, s, fmt.Sprint("user", i))
					stored(b, s, private(users[i], users[0], "warm"))
				}
				took := make([][]time.Duration, callers)
				var all sync.WaitGroup
				b.ResetTimer()
				for i := range callers {
					all.Go(func() {
						for n := i; n < b.N; n += callers {
							start := time.Now()
							if a := s.Append(b.Context(), []Message{private(users[i], users[i+1], fmt.Sprint(n))})[0]; a.Err != nil {
								b.Error(a.Err)
								return
							}
							took[i] = append(took[i], time.Since(start))
						}
					})
				}
				all.Wait()
				b.StopTimer()
				sorted := slices.Sorted(slices.Values(slices.Concat(took...)))
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
				b.ReportMetric(float64(sorted[len(sorted)/2].Microseconds()), "p50-us")
				b.ReportMetric(float64(sorted[len(sorted)*99/100].Microseconds()), "p99-us")
			})
		}
	}
}

// In "idle", one operation is one search for due messages, with a pending message in
// each shard. Otherwise it is one message that is scheduled, taken in a batch of 100,
// appended and finished.
func BenchmarkDelayed(b *testing.B) {
	prepare := func(b *testing.B) (*Store, []int64) {
		s := dial(b, Config{URL: storetest.Server.URL()})
		flush(b, s)
		users := make([]int64, 200)
		for i := range users {
			users[i] = register(b, s, fmt.Sprint("user", i))
		}
		return s, users
	}
	b.Run("idle", func(b *testing.B) {
		s, users := prepare(b)
		for i, user := range users {
			scheduled(b, s, later(user, users[0], fmt.Sprint(i)))
		}
		before, n := serverCPU(b, s), 0
		for b.Loop() {
			n++
			if due, _, err := s.Shards(b.Context()); err != nil || len(due) != 0 {
				b.Fatal(due, err)
			}
		}
		b.ReportMetric((serverCPU(b, s)-before)*1e6/float64(n), "cpu-us/op")
	})
	b.Run("fire", func(b *testing.B) {
		s, users := prepare(b)
		before, n := serverCPU(b, s), 0
		for b.Loop() {
			n++
			user := users[(n-1)/100%len(users)]
			scheduled(b, s, soon(user, users[n%len(users)], fmt.Sprint(n)))
			if n%100 == 0 {
				fire(b, s, user, "n1")
			}
		}
		b.ReportMetric((serverCPU(b, s)-before)*1e6/float64(n), "cpu-us/msg")
	})
}

// One operation is one pull of 100 entries.
func BenchmarkPull(b *testing.B) {
	s := dial(b, Config{URL: storetest.Server.URL()})
	flush(b, s)
	alice, bob := register(b, s, "alice"), register(b, s, "bob")
	for i := range 1000 {
		stored(b, s, private(alice, bob, fmt.Sprint(i)))
	}
	before := serverCPU(b, s)
	n := 0
	for b.Loop() {
		n++
		p, err := s.Pull(b.Context(), bob, proto.Position{}, 100)
		if err != nil || len(p.Entries) != 99 {
			b.Fatal(len(p.Entries), err)
		}
	}
	b.ReportMetric((serverCPU(b, s)-before)*1e6/float64(n), "cpu-us/op")
}

// One operation is the reconciliation of one connection, 500 in a call. A route does
// that twice per minute for every connection.
func BenchmarkReconcile(b *testing.B) {
	s := dial(b, Config{URL: storetest.Server.URL()})
	flush(b, s)
	held := make([]Held, 500)
	for i := range held {
		user := register(b, s, fmt.Sprint("user", i))
		session := login(b, s, user, "phone", "n1", 0)
		log := newTail()
		tail(log, logref.Ref{User: user}, "closed:phone")
		s.Run(b.Context(), "tail", log)
		held[i] = Held{User: user, Device: "phone", Number: session.Number, Newest: endOf(logref.Ref{User: user}, log)}
	}
	before := serverCPU(b, s)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		if n++; n%len(held) != 0 {
			continue
		}
		if different, err := s.Reconcile(b.Context(), held, "n1", 7); err != nil || len(different) > 0 {
			b.Fatal(different, err)
		}
	}
	b.ReportMetric((serverCPU(b, s)-before)*1e6/float64(n), "cpu-us/op")
}

// One operation is one group that a report of 512 openings asks for. Each user is in 20
// groups. The node enters "new" groups for the first time. It entered "known" ones
// before, and asks for all of them. It sends its position for those that are "held".
// "renewed" groups come from a reconciliation.
func BenchmarkEnter(b *testing.B) {
	const users, per = 512, 20
	s := dial(b, Config{URL: storetest.Server.URL()})
	flush(b, s)
	ids := make([]int64, users*per)
	for i := range ids {
		id, err := s.CreateGroup(b.Context(), NewGroup{Creator: 1, ID: fmt.Sprint(i)})
		if err != nil {
			b.Fatal(err)
		}
		l := logref.Ref{Group: id}
		s.Run(b.Context(), "change", op.Write(l.Hash(), []any{"hset", l.Hash(), rows.MemberField(int64(1 + i/per)), "1 0 1 0"}))
		ids[i] = id
	}
	known := make([]proto.Position, len(ids))
	for _, how := range []string{"new", "known", "held", "renewed"} {
		b.Run(how, func(b *testing.B) {
			var spent float64
			n := 0
			for b.Loop() {
				if n++; n%len(ids) != 0 {
					continue
				}
				groups := make([]Entering, len(ids))
				for i, id := range ids {
					groups[i] = Entering{Group: id, Users: []int64{int64(1 + i/per)}}
					if how == "held" {
						groups[i].Known = known[i]
					}
					if how == "new" {
						l := logref.Ref{Group: id}
						s.Run(b.Context(), "drop", op.Write(l.Leases(), []any{"hdel", l.Leases(), "n1"}))
					}
				}
				before := serverCPU(b, s)
				lease := Lease{Node: "n1", Boot: 1, Addr: "n1:8081"}
				var entered []Entered
				if how == "renewed" {
					entered = s.RenewNode(b.Context(), lease, ids)
				} else {
					entered = s.EnterNode(b.Context(), lease, groups)
				}
				spent += serverCPU(b, s) - before
				for i, e := range entered {
					if known[i] = e.Newest; e.Err != nil || e.Held != (how == "held") {
						b.Fatal(e)
					}
				}
			}
			b.ReportMetric(spent*1e6/float64(n/len(ids)*len(ids)), "cpu-us/group")
		})
	}
}

// serverCPU returns how many seconds of CPU time the server has used.
func serverCPU(b *testing.B, s *Store) float64 {
	b.Helper()
	info, err := s.Topology.(servers.One).Info(b.Context(), "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	var user, system float64
	_, _ = fmt.Sscan(servers.InfoField(info, "used_cpu_user"), &user)
	_, _ = fmt.Sscan(servers.InfoField(info, "used_cpu_sys"), &system)
	return user + system
}
