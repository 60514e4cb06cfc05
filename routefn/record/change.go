package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cim-go/cim/proto"
)

// changeChunk bounds a pipeline of ChangeGroups: some 20 us each, so that others
// wait for the store 10 ms at most.
const changeChunk = 500

// ChangeGroups makes users members of groups, or none any more, and answers with
// one Changed each. Two for the same user and group must not be in one call.
//
// A change goes through three steps, each atomic: the intent is written into the
// user's hash, the group's slot decides and appends the entry, the user's list of
// groups follows. Whoever meets an intent that was left behind, here or in
// OpenSessions, carries it out first. Its version fences it: what runs late or
// twice changes nothing.
func (s *Store) ChangeGroups(ctx context.Context, changes []Change) []Changed {
	answers := make([]Changed, 0, len(changes))
	for chunk := range slices.Chunk(changes, changeChunk) {
		answers = append(answers, s.changeChunk(ctx, chunk)...)
	}
	return answers
}

func (s *Store) changeChunk(ctx context.Context, changes []Change) []Changed {
	answers := make([]Changed, len(changes))
	todo := make([]int, 0, len(changes))
	for i, c := range changes {
		answers[i] = Changed{User: c.User, Group: c.Group, Err: c.check()}
		if answers[i].Err == nil {
			todo = append(todo, i)
		}
	}
	todo = s.permitted(ctx, changes, answers, todo)
	blocked := s.change(ctx, changes, answers, todo)
	s.change(ctx, changes, answers, blocked)
	for i := range answers {
		if err := answers[i].Err; err != nil {
			answers[i].Err = fmt.Errorf("change membership of %d in group %d: %w", changes[i].User, changes[i].Group, err)
		}
	}
	return answers
}

func (c Change) check() error {
	if c.User <= 0 || c.Group <= proto.Everyone {
		return fmt.Errorf("%w: user %d, group %d", ErrInvalid, c.User, c.Group)
	}
	return checkNames(c.Name)
}

// himself reports whether the user asks for the change of his own membership.
func (c Change) himself() bool { return c.By == 0 || c.By == c.User }

// permitted returns the places of the changes that may be tried: the creator of a
// group is asked for where somebody changes another one's membership. He never
// changes, so that this may be looked up before anything is written.
func (s *Store) permitted(ctx context.Context, changes []Change, answers []Changed, todo []int) []int {
	creators := make(map[int64]*op)
	var ops []*op
	for _, i := range todo {
		if c := changes[i]; !c.himself() && creators[c.Group] == nil {
			hash := logRef{group: c.Group}.hash()
			creators[c.Group] = readOf(hash, []any{"hget", hash, "creator"})
			ops = append(ops, creators[c.Group])
		}
	}
	s.run(ctx, "groups", ops...)
	return slices.DeleteFunc(todo, func(i int) bool {
		c := changes[i]
		if c.himself() {
			return false
		}
		switch o := creators[c.Group]; {
		case o.err != nil:
			answers[i].Err = o.err
		case text(o.reply[0]) == "":
			answers[i].Err = ErrNoGroup
		case integer(o.reply[0]) != c.By:
			answers[i].Err = ErrNotCreator
		}
		return answers[i].Err != nil
	})
}

// change takes the changes at the places todo through their steps. It returns the
// places of those for which another intent had to be carried out first: they are
// to be tried again.
func (s *Store) change(ctx context.Context, changes []Change, answers []Changed, todo []int) (blocked []int) {
	if len(todo) == 0 {
		return nil
	}
	intents := s.intend(ctx, changes, answers, todo)
	finished := s.finish(ctx, intents)
	for j, in := range intents {
		i := in.of
		switch earlier := answers[i].Earlier; {
		case in.does(changes[i]):
			answers[i] = finished[j]
			answers[i].Earlier = earlier
		case (finished[j].Err == nil || declined(finished[j].Err)) && earlier == nil:
			answers[i].Earlier = &finished[j]
			blocked = append(blocked, i)
		default: // somebody else changes his mind faster than we can follow
			answers[i].Err = fmt.Errorf("another change goes first: %w", ErrUnavailable)
		}
	}
	return blocked
}

// intent is a Change that is written down in the user's hash.
type intent struct {
	Change
	version int64
	of      int // whose answer it is
}

// parseIntent reads "group join|once|leave version by name"; false of anything else.
func parseIntent(user int64, line string) (intent, bool) {
	f := strings.SplitN(line, "\t", 5)
	if len(f) != 5 {
		return intent{}, false
	}
	c := Change{User: user, Group: integer(f[0]), Leave: f[1] == "leave", Once: f[1] == "once", By: integer(f[3]), Name: f[4]}
	return intent{Change: c, version: integer(f[2])}, true
}

// word is what the scripts call the change.
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

// does reports whether carrying the intent out is what the change asks for.
func (in intent) does(c Change) bool {
	return in.word() == c.word() && (in.himself() && c.himself() || in.By == c.By)
}

// declined reports whether the group's slot answered that it changes nothing.
func declined(err error) bool { return errors.Is(err, ErrNoGroup) || errors.Is(err, ErrRemoved) }

// intend writes the changes down and returns their intents, or those that were
// left behind by earlier ones of the same user and group.
func (s *Store) intend(ctx context.Context, changes []Change, answers []Changed, todo []int) []intent {
	logs, ops := make([]logRef, len(todo)), make([]*op, len(todo))
	for j, i := range todo {
		c := changes[i]
		logs[j] = logRef{user: c.User}
		ops[j] = logs[j].hashScript(intendScript, c.Group, c.word(), c.Name, proto.MaxGroups, c.By)
	}
	s.onLogs(ctx, "intend", logs, ops)
	var intents []intent
	for j, o := range ops {
		i := todo[j]
		switch {
		case o.err != nil:
			answers[i].Err = o.err
		case text(o.reply[0]) == "full":
			answers[i].Err = ErrTooManyGroups
		default:
			in, ok := parseIntent(changes[i].User, text(o.reply[1]))
			if !ok {
				answers[i].Err = fmt.Errorf("intent %q cannot be read: %w", text(o.reply[1]), ErrUnknown)
				continue
			}
			in.of = i
			intents = append(intents, in)
		}
	}
	return intents
}

// finish carries intents out: in the groups' slots, then in the users'. One that
// the group did not answer stays where it is.
func (s *Store) finish(ctx context.Context, intents []intent) []Changed {
	answers := make([]Changed, len(intents))
	ops := make([]*op, len(intents))
	var ready []*op
	for i, in := range intents {
		answers[i] = Changed{User: in.User, Group: in.Group}
		if ops[i], answers[i].Err = s.decide(ctx, in); answers[i].Err == nil {
			ready = append(ready, ops[i])
		}
	}
	s.accept(ctx, "change", ready...)
	var settling []*op
	var of []int
	for i, in := range intents {
		if answers[i].Err == nil {
			answers[i].decided(in, ops[i])
		}
		if err := answers[i].Err; err != nil && !declined(err) {
			continue
		}
		member := "0"
		if answers[i].Member {
			member = "1"
		}
		settling = append(settling, logRef{user: in.User}.hashScript(settleScript, in.Group, in.version, member))
		of = append(of, i)
	}
	s.accept(ctx, "settle", settling...)
	for j, o := range settling {
		answers[of[j]].settled(o)
	}
	s.trimJoined(ctx, answers)
	s.endEmpty(ctx, answers, ops)
	return answers
}

// decide returns the op that lets the group's slot decide.
func (s *Store) decide(ctx context.Context, in intent) (*op, error) {
	now, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	himself, by := "1", int64(0)
	if !in.himself() {
		himself, by = "0", in.By
	}
	stored, err := proto.EncodeStored(in.key(), &proto.Entry{
		FromName: in.Name, Group: in.Group, Time: now, Kind: in.kind(), By: by,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	l := logRef{group: in.Group}
	keys := []string{l.members(), l.leases()}
	return l.groupScript(changeScript, keys, in.User, in.word(), in.version, in.Name, stored, himself), nil
}

// key is the key of the intent's entry: the same whoever carries it out.
func (in intent) key() string {
	return proto.Key(in.User, in.word()+"-"+strconv.FormatInt(in.version, 10))
}

func (in intent) kind() proto.Kind {
	if in.Leave {
		return proto.Kind_LEAVE
	}
	return proto.Kind_JOIN
}

// decided reads the answer of change.lua.
func (c *Changed) decided(in intent, o *op) {
	if c.Err = o.err; c.Err != nil {
		return
	}
	if o.noLog() {
		c.Err = ErrNoGroup
		return
	}
	r := o.reply
	if text(r[0]) == "removed" {
		c.Err = ErrRemoved
		return
	}
	c.Member = text(r[1]) == "1"
	number := integer(r[2])
	if number == 0 {
		return
	}
	l := logRef{group: in.Group}
	entry, _ := o.args[4].([]byte) // as decide gave it
	stored, err := storedAt(l.position(parseEpoch(text(r[3])), number, ""), text(r[4]), entry)
	if err != nil {
		c.Err = err
		return
	}
	c.Copy = &Copy{Stored: stored, Nodes: parseLeases(text(r[5]), integer(r[6]))}
}

// settled reads the answer of settle.lua. What the group said stays as it is: the
// next one who meets the intent settles it.
func (c *Changed) settled(o *op) {
	if o.err != nil {
		c.Err = errors.Join(c.Err, o.err)
		return
	}
	c.Version, c.Sessions = integer(o.reply[1]), parseSessions(text(o.reply[2]))
}

// trimJoined trims the logs of groups that grew by joinings and leavings alone.
func (s *Store) trimJoined(ctx context.Context, changed []Changed) {
	var grown []logRef
	for _, c := range changed {
		if c.Copy != nil && c.Copy.Stored.At.Number%trimEvery == 0 {
			grown = append(grown, logRef{group: c.Group})
		}
	}
	s.trim(ctx, grown)
}

// finishOf finishes what the users of accepted openings left unfinished. What
// fails stays for the next who meets it: it is no reason to keep somebody out.
func (s *Store) finishOf(ctx context.Context, openings []Opening, answers []Opened, ops []*op, of []int) {
	var intents []intent
	for j, o := range ops {
		if answers[of[j]].Err != nil {
			continue
		}
		for line := range strings.SplitSeq(text(o.reply[9]), "\n") {
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
