package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

// intent is a Change that is recorded in the user's hash, until it is carried out.
type intent struct {
	Change
	version int64
	of      int // index of the change or opening that needs the intent's result
}

// parseIntent reads a line "group join|once|leave version by name". It returns false if
// the line has another form.
func parseIntent(user int64, line string) (intent, bool) {
	f := strings.SplitN(line, "\t", 5)
	if len(f) != 5 {
		return intent{}, false
	}
	c := Change{User: user, Group: op.Integer(f[0]), Leave: f[1] == "leave", Once: f[1] == "once", By: op.Integer(f[3]), Name: f[4]}
	return intent{Change: c, version: op.Integer(f[2])}, true
}

// word returns the kind of the change, as the scripts name it.
func (c Change) word() string {
	switch {
	case c.Leave:
		return "leave"
	case c.Once:
		return "once"
	default:
		return "join"
	}
}

// The method does reports whether carrying out the intent also does the change c.
func (in intent) does(c Change) bool {
	return in.word() == c.word() && (in.own() && c.own() || in.By == c.By)
}

// key returns the key of the entry by which the intent is carried out. It is the same in
// each process that carries out the intent.
func (in intent) key() string {
	return proto.Key(in.User, in.word()+"-"+strconv.FormatInt(in.version, 10))
}

func (in intent) kind() proto.Kind {
	if in.Leave {
		return proto.Kind_LEAVE
	}
	return proto.Kind_JOIN
}

// declined reports whether err means that the group refused the change for good.
func declined(err error) bool {
	return errors.Is(err, ErrNoGroup) || errors.Is(err, ErrRemoved) || errors.Is(err, ErrLeft) || errors.Is(err, ErrNotCreator)
}

// intend stores an intent for each change whose index is in todo, and returns the
// intents. If an earlier change of the same user and group has left an intent, it
// returns that one instead.
func (s *Store) intend(ctx context.Context, changes []Change, answers []Changed, todo []int) []intent {
	logs, ops := make([]logref.Ref, len(todo)), make([]*op.Op, len(todo))
	for j, i := range todo {
		c := changes[i]
		logs[j] = logref.Ref{User: c.User}
		ops[j] = logs[j].HashScript(intendScript, c.Group, c.word(), c.Name, proto.MaxGroups, c.By)
	}
	s.onLogs(ctx, "intend", logs, ops)
	var intents []intent
	for j, o := range ops {
		i := todo[j]
		switch {
		case o.Err != nil:
			answers[i].Err = o.Err
		case op.Text(o.Reply[0]) == "full":
			answers[i].Err = ErrTooManyGroups
		default:
			in, ok := parseIntent(changes[i].User, op.Text(o.Reply[1]))
			if !ok {
				answers[i].Err = fmt.Errorf("intent %q cannot be read: %w", op.Text(o.Reply[1]), ErrUnknown)
				continue
			}
			in.of = i
			intents = append(intents, in)
		}
	}
	return intents
}

// finish carries out intents, first in the slots of the groups and then in the slots of
// the users. If the slot of a group does not answer, the intent stays.
func (s *Store) finish(ctx context.Context, intents []intent) []Changed {
	answers := make([]Changed, len(intents))
	for i, in := range intents {
		answers[i] = Changed{User: in.User, Group: in.Group, Err: errRolesChanged}
	}
	ops := make([]*op.Op, len(intents))
	for range judgeTries {
		if again := s.decideAll(ctx, intents, answers, ops); !again {
			break
		}
	}
	var settling []*op.Op
	var of []int
	for i, in := range intents {
		if err := answers[i].Err; err != nil && !declined(err) {
			continue
		}
		settling = append(settling, logref.Ref{User: in.User}.HashScript(settleScript, in.Group, in.version, answers[i].Member))
		of = append(of, i)
	}
	s.Accept(ctx, "settle", settling...)
	for j, o := range settling {
		answers[of[j]].settled(o)
	}
	s.trimJoined(ctx, answers)
	s.endEmpty(ctx, answers, ops)
	return answers
}

// decideAll sends those intents whose answer is errRolesChanged to the slots of their
// groups, which decide. It reports whether some still have that answer, because roles
// changed after decideAll had read them.
func (s *Store) decideAll(ctx context.Context, intents []intent, answers []Changed, ops []*op.Op) (again bool) {
	var of []int
	var changes []Change
	for i, in := range intents {
		if errors.Is(answers[i].Err, errRolesChanged) {
			of, changes = append(of, i), append(changes, in.Change)
		}
	}
	verdicts := s.judge(ctx, changes)
	var ready []*op.Op
	for j, i := range of {
		if ops[i], answers[i].Err = s.decide(ctx, intents[i], verdicts[j]); answers[i].Err == nil {
			ready = append(ready, ops[i])
		}
	}
	s.Accept(ctx, "change", ready...)
	for _, i := range of {
		if answers[i].Err == nil {
			answers[i].decided(intents[i], ops[i])
		}
		again = again || errors.Is(answers[i].Err, errRolesChanged)
	}
	return again
}

// decide returns the op by which the group's slot decides about the intent (change.lua).
// If the verdict forbids the intent, the op only records that. So no other process
// carries out the intent later.
func (s *Store) decide(ctx context.Context, in intent, v verdict) (*op.Op, error) {
	word, by := in.word(), int64(0)
	switch {
	case errors.Is(v.err, ErrNotCreator):
		word = "refuse"
	case v.err != nil:
		return nil, v.err
	}
	now, err := s.Time(ctx)
	if err != nil {
		return nil, err
	}
	if !in.own() {
		by = in.By
	}
	stored, err := proto.EncodeStored(in.key(), &proto.Entry{
		FromName: in.Name, Group: in.Group, Time: now, Kind: in.kind(), By: by,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	l := logref.Ref{Group: in.Group}
	keys := []string{l.Members(), l.Leases()}
	return l.GroupScript(changeScript, keys, in.User, word, in.version, in.Name, stored, v.version), nil
}

// decided reads the answer of change.lua.
func (c *Changed) decided(in intent, o *op.Op) {
	switch {
	case o.Err != nil:
		c.Err = o.Err
	case o.NoLog():
		c.Err = ErrNoGroup
	case op.Text(o.Reply[0]) == "removed":
		c.Err = ErrRemoved
	case op.Text(o.Reply[0]) == "left":
		c.Err = ErrLeft
	case op.Text(o.Reply[0]) == "changed":
		c.Err = errRolesChanged
	case op.Text(o.Reply[0]) == "refused":
		c.Err, c.Member = ErrNotCreator, op.Text(o.Reply[1]) == "1"
	}
	if c.Err != nil {
		return
	}
	r := o.Reply
	c.Member = op.Text(r[1]) == "1"
	number := op.Integer(r[2])
	if number == 0 {
		return
	}
	l := logref.Ref{Group: in.Group}
	encoded, _ := o.Args[4].([]byte) // the entry, as decide has passed it
	stored, err := entry.At(l.Position(rows.ParseEpoch(op.Text(r[3])), number, ""), op.Text(r[4]), encoded)
	if err != nil {
		c.Err = err
		return
	}
	c.Copy = &Copy{Stored: stored, Nodes: rows.ParseLeases(op.Text(r[5]), op.Integer(r[6]))}
}

// settled reads the answer of settle.lua. If the script failed, the group's decision is
// still valid. The intent stays, and the next call that finds it settles it.
func (c *Changed) settled(o *op.Op) {
	if o.Err != nil {
		c.Err = errors.Join(c.Err, o.Err)
		return
	}
	c.Version, c.Sessions = op.Integer(o.Reply[1]), rows.ParseSessions(op.Text(o.Reply[2]))
}

// trimJoined trims the logs of groups, because joinings and leavings make a log grow,
// too.
func (s *Store) trimJoined(ctx context.Context, changed []Changed) {
	var grown []logref.Ref
	for _, c := range changed {
		if c.Copy != nil && c.Copy.Stored.At.Number%trimEvery == 0 {
			grown = append(grown, logref.Ref{Group: c.Group})
		}
	}
	s.trim(ctx, grown)
}

// finishOf carries out intents that earlier calls left unfinished. It does so for the
// users whose openings were accepted. If that fails, the intent stays for the next call,
// and the opening succeeds all the same.
func (s *Store) finishOf(ctx context.Context, openings []Opening, answers []Opened, ops []*op.Op, of []int) {
	var intents []intent
	for j, o := range ops {
		if answers[of[j]].Err != nil {
			continue
		}
		for line := range strings.SplitSeq(op.Text(o.Reply[9]), "\n") {
			if in, ok := parseIntent(openings[of[j]].User, line); ok {
				in.of = of[j]
				intents = append(intents, in)
			}
		}
	}
	if len(intents) == 0 {
		return
	}
	for j, c := range s.finish(ctx, intents) {
		a := &answers[intents[j].of]
		if a.Finished = append(a.Finished, c); c.Err != nil && !declined(c.Err) {
			s.log.Debug("membership stays unfinished", "user", c.User, "err", c.Err)
			continue
		}
		a.Version = c.Version
		a.Groups = slices.DeleteFunc(a.Groups, func(g int64) bool { return g == c.Group })
		if c.Member {
			a.Groups = append(a.Groups, c.Group)
		}
	}
}
