package record

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
	"github.com/cim-go/cim/routefn/role"
)

// A neighbourhood is what the store has of a user who is erased, and of others.
type neighbourhood struct {
	alice, bob, carol Account
	owned, joined     int64 // groups: alice owns the first one, in which carol is an admin
	half              int64 // a group for which alice has an intent that was not carried out
	intents           []intent
	subject           accounts.Subject
	phone             Opened
}

// newNeighbourhood makes a neighbourhood in an empty store.
func newNeighbourhood(t testing.TB, s *Store) *neighbourhood {
	t.Helper()
	n := &neighbourhood{bob: account(t, s, "bob"), carol: account(t, s, "carol"), subject: accounts.Subject{Issuer: "host", ID: "17"}}
	var err error
	if n.alice, err = s.AdmitSubject(t.Context(), n.subject, "alice"); err != nil {
		t.Fatal(err)
	}
	n.owned = group(t, s, n.alice, n.carol, n.bob)
	if err := s.GiveRole(t.Context(), n.alice.User, n.owned, n.carol.User, role.Admin); err != nil {
		t.Fatal(err)
	}
	n.joined = group(t, s, n.bob, n.carol, n.alice)
	if err := s.GiveRole(t.Context(), n.bob.User, n.joined, n.alice.User, role.ReadOnly); err != nil {
		t.Fatal(err)
	}
	n.half = group(t, s, n.carol)
	stored(t, s, private(n.alice.User, n.bob.User, "to-bob"), private(n.bob.User, n.alice.User, "to-alice"),
		toGroup(n.alice, n.owned, "in-owned"), toGroup(n.alice, proto.Everyone, "to-all"))
	imported(t, s, logref.Ref{User: n.alice.User}, private(n.bob.User, n.alice.User, "of-before"))
	others := later(n.bob.User, n.alice.User, "of-bob")
	others.FromName = "bob"
	scheduled(t, s, later(n.alice.User, n.bob.User, "delayed"), soon(n.alice.User, n.bob.User, "taken"), others)
	if list := taken(t, s, n.alice.User); len(list) != 1 {
		t.Fatalf("taken are %v", ids(list))
	}
	appoint(t, s, n.alice, role.Moderator)
	befriend(t, s, n.alice.User, n.bob.User)
	must(t, s.Block(t.Context(), n.alice.User, n.carol.User))
	try(t, s, guess("alice", "address"))
	s.Met(t.Context(), "alice", accounts.Address{"home"})
	visit(t, s, n.alice.User, "tablet", inboxEnd(t, s, n.alice.User))
	n.phone = connect(t, s, n.alice.User, "phone", "n1")
	n.intents = intended(t, s, n.alice, n.half)
	return n
}

// intended records the intent of a user to join a group.
func intended(t testing.TB, s *Store, u Account, group int64) []intent {
	t.Helper()
	answers := make([]Changed, 1)
	c := Change{User: u.User, Name: u.Name, Group: group}
	in := s.intend(t.Context(), []Change{c}, answers, []int{0})
	if len(in) != 1 {
		t.Fatalf("intent: %+v", answers)
	}
	return in
}

func taken(t testing.TB, s *Store, user int64) []Delayed {
	t.Helper()
	list, err := s.Take(t.Context(), int(queue.ShardOf(user)), "holder", 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(list, func(d Delayed) bool { return d.From != user })
}

func inboxEnd(t testing.TB, s *Store, user int64) proto.Position {
	t.Helper()
	p, err := s.Pull(t.Context(), user, proto.Position{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return p.Newest
}

// erasureOf returns the job that erases an account, if it waits.
func erasureOf(t testing.TB, s *Store, user int64) (queue.Job, bool) {
	t.Helper()
	key := queue.ShardOf(user).Key(string(queue.Erasures) + ":due")
	o := op.Read(key, []any{"zrange", key, 0, -1, "withscores"})
	if s.Run(t.Context(), "due", o); o.Err != nil {
		t.Fatal(o.Err)
	}
	for _, m := range op.ScoredList(o.Reply[0]) {
		if m.Member == strconv.FormatInt(user, 10) {
			return queue.Job{Kind: queue.Erasures, Key: m.Member, Due: int64(m.Score)}, true
		}
	}
	return queue.Job{}, false
}

// finishErasure does the job that erases an account, however early.
func finishErasure(t testing.TB, s *Store, user int64) (left []Changed) {
	t.Helper()
	j, waits := erasureOf(t, s, user)
	if !waits {
		t.Fatal("no job waits")
	}
	e, left, _ := s.Erase(t.Context(), j)
	if e.Verdict != queue.Done {
		t.Fatalf("the job ended as %s", e.Verdict)
	}
	return left
}

// gone checks that alice is erased: what is left of it, and that the others have theirs.
func (n *neighbourhood) gone(t testing.TB, s *Store) {
	t.Helper()
	id := strconv.FormatInt(n.alice.User, 10)
	rests := []string{"cim:id:" + id, logref.Ref{User: n.alice.User}.Hash(), logref.Ref{User: n.alice.User}.Tag()}
	for key, text := range everything(t, s) {
		log := strings.HasSuffix(key, ":l") // what alice wrote stays in the logs of others
		if strings.Contains(key, id) && !slices.Contains(rests, key) && !strings.Contains(key, ":i:") {
			t.Errorf("key %s is left: %s", key, text)
		}
		for _, mine := range []string{"alice", "phone", "tablet", "subject:"} {
			if strings.Contains(text, mine) && !log {
				t.Errorf("%s has %q: %s", key, mine, text)
			}
		}
		if strings.HasSuffix(key, ":m") && strings.Contains(text, id) {
			t.Errorf("%s has the id: %s", key, text)
		}
	}
	wantKeys(t, inbox(t, s, n.bob.User), private(n.alice.User, n.bob.User, "to-bob").key(), private(n.bob.User, n.alice.User, "to-alice").key())
	for group, want := range map[int64]string{
		n.owned:  "+carol +bob in-owned -alice",
		n.joined: "+carol +alice -alice",
		n.half:   "+carol",
	} {
		if got := shownOf(t, s, n.carol.User, group); got != want {
			t.Errorf("carol reads %q, want %q", got, want)
		}
	}
	if r, err := s.RoleIn(t.Context(), n.carol.User, n.owned); r != role.Owner || err != nil {
		t.Errorf("carol is %v, %v", r, err)
	}
	if list, err := s.Officers(t.Context()); len(list) != 0 || err != nil {
		t.Errorf("officers are %v, %v", list, err)
	}
	if list, _, err := s.Scheduled(t.Context(), n.bob.User, ScheduledAt{}, 10); len(list) != 1 || err != nil {
		t.Errorf("bob has scheduled %v, %v", ids(list), err)
	}
	if _, err := s.AccountByID(t.Context(), n.alice.User); !errors.Is(err, ErrErased) || !errors.Is(err, ErrNoUser) {
		t.Errorf("account: %v", err)
	}
}

func TestErasedAccountLeavesNothingInTheStore(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		n := newNeighbourhood(t, s)
		live, err := s.EraseAccount(t.Context(), n.alice.User)
		if err != nil || len(live) != 1 || live[0].Device != "phone" {
			t.Fatalf("live were %+v, %v", live, err)
		}
		if live, err := s.EraseAccount(t.Context(), n.alice.User); err != nil || len(live) != 0 {
			t.Errorf("again: %+v, %v", live, err)
		}
		left := finishErasure(t, s, n.alice.User)
		if len(left) != 3 || !slices.ContainsFunc(left, func(c Changed) bool { return c.Group == n.joined && c.Copy != nil && !c.Member }) {
			t.Errorf("others are told of %+v", left)
		}
		n.gone(t, s)
		if _, err := s.EraseAccount(t.Context(), n.alice.User); err != nil {
			t.Errorf("after the end: %v", err)
		}
		s.finish(t.Context(), n.intents) // by a process that stood still
		inbox := logref.Ref{User: n.alice.User}
		made := inbox.Script(makeScript, "1234567812345678", "genesis", true)
		if s.Run(t.Context(), "make", made); made.Err != nil || op.Text(made.Reply[0]) != "erased" {
			t.Errorf("an inbox is made late: %v, %v", made.Reply, made.Err)
		}
		if e, left, user := s.Erase(t.Context(), queue.Job{Key: strconv.FormatInt(n.alice.User, 10)}); e.Verdict != queue.Done || len(left) != 0 || user != 0 {
			t.Errorf("the job once more: %v, %v, %d", e.Verdict, left, user)
		}
		n.gone(t, s)
	})
}

// From the beginning of an erasure on, nobody can use the account, and nobody can take the
// name. After its end the name may have another account, which sees nothing of the old one.
func TestErasureEndsAnAccountAtOnceAndThenFreesItsName(t *testing.T) {
	eachTwo(t, Config{}, Config{}, func(t *testing.T, s, other *Store) {
		n := newNeighbourhood(t, s)
		stored(t, other, private(n.bob.User, n.alice.User, "known-inbox"))
		pass := Pass{User: n.alice.User, Device: "phone", Number: n.phone.Number, Expires: time.Now().Add(time.Hour).UnixMilli()}
		if _, err := s.EraseAccount(t.Context(), n.alice.User); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			n.refused(t, other, pass)
			if _, _, err := other.Register(t.Context(), "alice", ""); !errors.Is(err, ErrNameTaken) {
				t.Fatalf("registering the name: %v", err)
			}
			if _, err := s.EraseAccount(t.Context(), n.alice.User); err != nil {
				t.Fatal(err)
			}
		}
		finishErasure(t, s, n.alice.User)
		n.refused(t, other, pass)
		again, created, err := other.Register(t.Context(), "alice", "")
		if err != nil || !created || again.User == n.alice.User {
			t.Fatalf("registered %+v, %v, %v", again, created, err)
		}
		wantKeys(t, inbox(t, other, again.User))
		if groups := listed(t, other, again.User); len(groups) != 0 {
			t.Errorf("the new account has groups %v", groups)
		}
		if _, err := other.Pull(t.Context(), again.User, proto.Position{Log: n.owned}, 0); !errors.Is(err, ErrNotMember) {
			t.Errorf("the new account reads a group: %v", err)
		}
		if tried := try(t, other, guess("alice", "home")); tried.Known {
			t.Error("the new account knows an address of the old one")
		}
		n.refused(t, other, pass)
		if _, err := s.EraseAccount(t.Context(), n.alice.User); err != nil {
			t.Fatal(err)
		}
		if acc, err := other.AccountByName(t.Context(), "alice"); err != nil || acc.User != again.User {
			t.Errorf("the new account after a repetition: %+v, %v", acc, err)
		}
	})
}

// refused checks that nobody can use the account of alice.
func (n *neighbourhood) refused(t testing.TB, s *Store, pass Pass) {
	t.Helper()
	ctx := t.Context()
	if err := s.Judge(WithPass(ctx, pass)); !errors.Is(err, ErrVoid) {
		t.Errorf("token: %v", err)
	}
	for what, err := range map[string]error{
		"login":       second(s.IssueNumber(ctx, Issuing{User: n.alice.User, Device: "laptop"})),
		"restoration": noneOf(s.Adopt(ctx, n.alice.User, "alice", true)),
		"other name":  noneOf(s.Adopt(ctx, n.alice.User, "alice2", true)),
		"message":     s.Append(ctx, []Message{private(n.bob.User, n.alice.User, "late")})[0].Err,
		"opening":     open(t, s, n.alice.User, "phone", "n1", n.phone.Number, -1).Err,
		"joining":     s.ChangeGroups(ctx, []Change{{User: n.alice.User, Name: "alice", Group: n.joined, By: n.bob.User}})[0].Err,
		"logins":      second(s.Logins(ctx, n.alice.User, time.Hour)),
	} {
		if !errors.Is(err, ErrNoUser) {
			t.Errorf("%s: %v", what, err)
		}
	}
	held := []Held{{User: n.alice.User, Device: "phone", Number: n.phone.Number}}
	if d, err := s.Reconcile(ctx, held, "n1", 7); err != nil || len(d) != 1 || !d[0].Ended || d[0].Forgotten || d[0].Verdict != proto.Verdict_DISPLACED {
		t.Errorf("the connection: %+v, %v", d, err)
	}
	clash := s.ImportAccounts(ctx, []Account{{User: n.alice.User, Name: "alice", Credential: "hash"}}, false)[0]
	if clash.Err != nil || clash.State != accounts.ImportClash {
		t.Errorf("import: %+v", clash)
	}
	if err := s.SetCredential(ctx, Account{User: n.alice.User, Name: "alice"}, "hash"); !errors.Is(err, ErrNoUser) && !errors.Is(err, ErrChanged) {
		t.Errorf("new password: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// noneOf returns ErrNoUser for ErrNameTaken, and err otherwise. Both say that an account is
// not restored.
func noneOf(err error) error {
	if errors.Is(err, ErrNameTaken) {
		return ErrNoUser
	}
	return err
}

// A user may be erased between the moment in which a creator names them and that in which
// the group is filled. The group then does not keep them as a member.
func TestGroupIsNotFilledWithAnErasedUser(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob, carol := account(t, s, "alice"), account(t, s, "bob"), account(t, s, "carol")
		friends := group(t, s, bob)
		if _, err := s.EraseAccount(t.Context(), alice.User); err != nil {
			t.Fatal(err)
		}
		finishErasure(t, s, alice.User)
		answers := s.FillGroup(t.Context(), friends, bob.User, []Account{alice, carol})
		if a := answers[0]; !errors.Is(a.Err, ErrErased) || a.Member {
			t.Errorf("alice: %+v", a)
		}
		if a := answers[1]; a.Err != nil || !a.Member {
			t.Errorf("carol: %+v", a)
		}
		m, err := s.MembersAfter(t.Context(), friends, 0, 10)
		if err != nil || m.Total != 2 || slices.Contains(m.Users, alice) {
			t.Errorf("members are %+v, %v", m, err)
		}
		if text := everything(t, s)[logref.Ref{Group: friends}.Hash()]; strings.Contains(text, "filling") {
			t.Errorf("the group is being filled for ever: %s", text)
		}
	})
}
