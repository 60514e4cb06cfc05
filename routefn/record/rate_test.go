package record

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/delayed"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/pass"
)

// limitsOf returns limits of which only that of messages is on.
func limitsOf(r limit.Rate) limit.Limits { return limit.Limits{Messages: r} }

// perSecond is a rate.
func perSecond(n, burst int) limit.Rate {
	return limit.Rate{Every: time.Second / time.Duration(n), Burst: burst}
}

// sent counts the messages that were accepted, and checks why others were not.
func sent(t testing.TB, answers []Appended) (accepted int) {
	t.Helper()
	for _, a := range answers {
		switch late := new(pass.Refused); {
		case a.Err == nil:
			accepted++
		case !errors.Is(a.Err, ErrLimited):
			t.Error(a.Err)
		case !errors.As(a.Err, late) || late.Wait() <= 0:
			t.Errorf("%v does not tell when to come again", a.Err)
		}
	}
	return accepted
}

// A sender comes through several routes, one after the other, at once, and with requests
// over HTTP between. All together accept what the rate allows. Beyond that they accept what
// one route may owe at most.
func TestRateIsExactAcrossRoutes(t *testing.T) {
	rate := perSecond(20, 60)
	cfg := Config{Limits: limitsOf(rate)}
	for name, again := range map[string]bool{"connections": false, "http": true} {
		for how, callers := range map[string]int{"in turn": 1, "at once": 2} {
			t.Run(name+" "+how, func(t *testing.T) {
				eachTwo(t, cfg, cfg, func(t *testing.T, one, other *Store) {
					alice, bob := register(t, one, "alice"), register(t, one, "bob")
					begun := time.Now()
					var mu sync.Mutex
					var all sync.WaitGroup
					accepted := 0
					for caller := range callers {
						all.Go(func() {
							for i := range 30 / callers {
								batch := make([]Message, 5)
								for j := range batch {
									batch[j] = private(alice, bob, fmt.Sprint(caller, "-", i, "-", j))
									batch[j].Again = again
								}
								n := sent(t, []*Store{one, other}[(i+caller)%2].Append(t.Context(), batch))
								mu.Lock()
								accepted += n
								mu.Unlock()
							}
						})
					}
					all.Wait()
					took := time.Since(begun)
					most := rate.Burst + int((took+time.Second)/rate.Every) + mostOwed // routes know the store's time within less than a second
					if accepted > most || accepted < rate.Burst {
						t.Errorf("%d of 150 messages were accepted in %v, want %d to %d", accepted, took, rate.Burst, most)
					}
					if got := len(inbox(t, one, bob)); got != accepted {
						t.Errorf("%d messages were accepted, the inbox has %d", accepted, got)
					}
				})
			})
		}
	}
}

// While much of a budget is left, a route adds several messages together. Once less is left,
// all that came before are in the budget, those of a request that a script judges, too.
func TestOwedMessagesCount(t *testing.T) {
	rate := limit.Rate{Every: time.Hour, Burst: 100}
	for name, again := range map[string]bool{"connection": false, "http": true} {
		t.Run(name, func(t *testing.T) {
			each(t, Config{Limits: limitsOf(rate)}, func(t *testing.T, s *Store) {
				alice, bob := register(t, s, "alice"), register(t, s, "bob")
				counted(t, s, alice, bob, "a")
				for i := range 40 {
					stored(t, s, private(alice, bob, strconv.Itoa(i)))
				}
				accepted := 42 // the first one does not count, because the Store knew no budget
				for i := range rate.Burst {
					m := private(alice, bob, fmt.Sprint("more", i))
					m.Again = again
					accepted += sent(t, s.Append(t.Context(), []Message{m}))
				}
				if want := rate.Burst + 1; accepted != want {
					t.Errorf("%d messages were accepted, want %d", accepted, want)
				}
			})
		})
	}
}

// A message that was not stored is not owed.
func TestMessageThatWasNotStoredIsNotOwed(t *testing.T) {
	rate := limit.Rate{Every: time.Hour, Burst: 100}
	each(t, Config{Limits: limitsOf(rate)}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		m := private(alice, bob, "a")
		d := newDraft(&m, s.Now())
		d.err[receiverCopy] = ErrUnavailable
		s.budgets.Put(alice, budget{owed: 2})
		s.settleCosts(t.Context(), []*cost{{from: alice, drafts: []*draft{d}}})
		if b, _ := s.budgets.Get(alice); b.owed != 1 {
			t.Errorf("%d messages are owed, want 1", b.owed)
		}
	})
}

// A message that is refused before it takes from the budget gives nothing back.
func TestMessageThatTookNothingGivesNothingBack(t *testing.T) {
	each(t, Config{Limits: limitsOf(limit.Rate{Every: time.Hour, Burst: 100})}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		m := private(alice, bob, "a")
		d := newDraft(&m, s.Now())
		costs, _ := s.costsOf([]*draft{d}, s.Now())
		s.budgets.Put(alice, budget{seen: 1, owed: 2})
		costs[0].seen = 1
		d.err[receiverCopy] = ErrUnavailable
		s.add(costs[0])
		s.settleCosts(t.Context(), costs)
		if b, _ := s.budgets.Get(alice); b.owed != 2 {
			t.Errorf("%d messages are owed, want 2", b.owed)
		}
	})
}

// A repetition takes nothing, and is accepted however little is left.
func TestRepetitionIsNeverRefusedForTheRate(t *testing.T) {
	cfg := Config{Limits: limitsOf(limit.Rate{Every: time.Hour, Burst: 10})}
	eachTwo(t, cfg, cfg, func(t *testing.T, s, other *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		var messages []Message
		for i := range 10 {
			messages = append(messages, private(alice, bob, fmt.Sprint(i)))
			messages[i].Again = i%2 == 0
			stored(t, s, messages[i])
		}
		before := budgetOf(t, s, alice)
		for range 3 {
			for i := range messages {
				messages[i].Again = true
				if a := stored(t, other, messages[i])[0]; !a.Repeated {
					t.Errorf("message %d was stored again", i)
				}
			}
		}
		if after := budgetOf(t, s, alice); after != before {
			t.Errorf("repetitions moved the budget by %v us", after-before)
		}
		for _, again := range []bool{false, true} {
			m := private(alice, bob, fmt.Sprint("more", again))
			m.Again = again
			if err := s.Append(t.Context(), []Message{m})[0].Err; !errors.Is(err, ErrLimited) {
				t.Errorf("message 11 (again %v) gives %v, want %v", again, err, ErrLimited)
			}
		}
		if got := len(inbox(t, s, bob)); got != 10 {
			t.Errorf("the inbox has %d messages, want 10", got)
		}
	})
}

func budgetOf(t testing.TB, s *Store, user int64) int64 {
	t.Helper()
	hash := logref.Ref{User: user}.Hash()
	o := op.Read(hash, []any{"hget", hash, rateField})
	if s.Run(t.Context(), "find", o); o.Err != nil {
		t.Fatal(o.Err)
	}
	return op.Integer(o.Reply[0])
}

// A call has first messages and a repetition. After a message is refused, no later one to
// the same receiver is stored.
func TestRefusedForTheRateKeepsTheOrder(t *testing.T) {
	each(t, Config{Limits: limitsOf(limit.Rate{Every: time.Hour, Burst: 4})}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		var batch []Message
		for i := range 9 {
			batch = append(batch, private(alice, bob, strconv.Itoa(i)))
			batch[i].Again = i == 5
		}
		refused := false
		for i, a := range s.Append(t.Context(), batch) {
			if refused && a.Err == nil {
				t.Errorf("message %d was stored after one before it was refused", i)
			}
			refused = refused || a.Err != nil
		}
		if got := len(inbox(t, s, bob)); got != 4 {
			t.Errorf("the inbox has %d messages, want 4", got)
		}
	})
}

func TestGroupHasARateAndEachMemberOne(t *testing.T) {
	limits := limit.Limits{Group: limit.Rate{Every: time.Hour, Burst: 12}, GroupMember: limit.Rate{Every: time.Hour, Burst: 5}}
	each(t, Config{Limits: limits}, func(t *testing.T, s *Store) {
		g := group(t, s)
		members := crowd(t, s, g, 4)
		for _, c := range s.ChangeGroups(t.Context(), members) {
			if c.Err != nil {
				t.Fatal(c.Err)
			}
		}
		for i, want := range []int{5, 5, 2, 0} { // of ten tries of each member
			by := Account{User: members[i].User, Name: members[i].Name}
			accepted := 0
			for j := range 10 {
				m := toGroup(by, g, strconv.Itoa(j))
				m.Again = j%2 == 1
				accepted += sent(t, s.Append(t.Context(), []Message{m}))
			}
			if accepted != want {
				t.Errorf("member %d: %d messages were accepted, want %d", i, accepted, want)
			}
			again := toGroup(by, g, "0")
			again.Again = true
			if err := s.Append(t.Context(), []Message{again})[0].Err; want > 0 && err != nil {
				t.Errorf("member %d: a repetition gives %v", i, err)
			}
		}
		hash := logref.Ref{Group: g}.Hash()
		o := op.Read(hash, []any{"hget", hash, "rates"})
		if s.Run(t.Context(), "find", o); strings.Count(op.Text(o.Reply[0]), "\n") != 3 {
			t.Errorf("the group keeps %q, want a line for itself and for each of 3 members", op.Text(o.Reply[0]))
		}
	})
}

// addToBudget adds a time to the budget of messages.
func addToBudget(t testing.TB, s *Store, user int64, d time.Duration) {
	t.Helper()
	hash := logref.Ref{User: user}.Hash()
	o := op.Write(hash, []any{"hincrby", hash, rateField, d.Microseconds()})
	if s.Run(t.Context(), "append", o); o.Err != nil {
		t.Fatal(o.Err)
	}
}

// counted sends two messages. The second one moves the budget to the present: see cost.
func counted(t testing.TB, s *Store, from, to int64, id string) {
	t.Helper()
	stored(t, s, private(from, to, id+"-a"))
	stored(t, s, private(from, to, id+"-b"))
}

// wrongly sends a message while the budget is a day ahead, and checks that it is refused for
// a short time.
func wrongly(t testing.TB, s *Store, rate limit.Rate, m Message) {
	t.Helper()
	err := s.Append(t.Context(), []Message{m})[0].Err
	if late, most := new(pass.Refused), rate.Every+time.Second; !errors.As(err, late) || late.Wait() > most {
		t.Errorf("%s: %v, want to come again within %v", m.ID, err, most)
	}
}

// A budget that stays a day ahead was left by a route that died, or by a clock that jumped.
// The store takes it for an empty one, however messages come.
func TestBudgetThatIsWrongEnds(t *testing.T) {
	rate := limit.Rate{Every: time.Minute, Burst: 10}
	each(t, Config{Limits: limitsOf(rate)}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		for name, again := range map[string]bool{"first": false, "again": true} {
			counted(t, s, alice, bob, name)
			addToBudget(t, s, alice, 24*time.Hour)
			s.budgets.Drop(alice)
			n := 0
			wait.Until(t, "the budget is an empty one", func() bool {
				n++
				m := private(alice, bob, fmt.Sprint(name, n))
				m.Again = again
				if n > 1 || again { // the first one may be sent without a look at the budget
					wrongly(t, s, rate, m)
				} else {
					s.Append(t.Context(), []Message{m})
				}
				return time.Duration(budgetOf(t, s, alice)-s.Now()*1000)*time.Microsecond <= rate.Full()+time.Second
			})
			addToBudget(t, s, alice, -rate.Full()-time.Hour)
		}
	})
}

// Two routes that see a sender after a pause both add the pause to the budget, and one takes
// it back. A budget that is corrected in between would be a full one after that.
func TestBudgetThatIsBeingCorrectedIsLeftAlone(t *testing.T) {
	rate := limit.Rate{Every: time.Minute, Burst: 10}
	each(t, Config{Limits: limitsOf(rate)}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		for name, again := range map[string]bool{"first": false, "again": true} {
			counted(t, s, alice, bob, name)
			before := budgetOf(t, s, alice)
			addToBudget(t, s, alice, 24*time.Hour)
			s.see(alice, before+(24*time.Hour).Microseconds())
			m := private(alice, bob, name+"-meanwhile")
			m.Again = again
			wrongly(t, s, rate, m)
			addToBudget(t, s, alice, -24*time.Hour)
			if after := budgetOf(t, s, alice); after != before {
				t.Errorf("%s: the budget moved by %d us", name, after-before)
			}
			s.budgets.Drop(alice)
			stored(t, s, m)
		}
	})
}

// A delayed message counts when it is scheduled, and not when it is sent.
func TestDelayedMessageCountsOnce(t *testing.T) {
	each(t, Config{Limits: limitsOf(limit.Rate{Every: time.Hour, Burst: 2})}, func(t *testing.T, s *Store) {
		alice, bob := register(t, s, "alice"), register(t, s, "bob")
		for i, want := range []error{nil, nil, ErrLimited} {
			if _, err := s.Schedule(t.Context(), Scheduling{Message: private(alice, bob, strconv.Itoa(i))}); !errors.Is(err, want) {
				t.Errorf("message %d gives %v, want %v", i, err, want)
			}
		}
		taken, err := s.Take(t.Context(), int(delayed.ShardOf(alice).Shard), "a route", 0, 10)
		if err != nil || len(taken) != 2 {
			t.Fatalf("%d are due, %v", len(taken), err)
		}
		stored(t, s, taken[0].Message, taken[1].Message)
	})
}
