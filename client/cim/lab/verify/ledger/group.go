package ledger

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// The changes of a membership, as in Record.Change.
const (
	Join  = "join"
	Leave = "leave"
)

// ask is one joining or leaving that a user requested.
type ask struct {
	change string
	asked  int64 // us
	told   int64 // when the user got the answer that it is done, us; zero: they wait
}

// turn is the entry of a group's log by which a user joined or left.
type turn struct {
	*message
	place Place
}

// tenure is one user's membership of a group. The judge knows it from the user's calls and
// their answers, and from the entries that devices were shown.
type tenure struct {
	asks  []ask
	turns []turn // by number within an epoch
}

// group has the members of one group.
type group struct {
	tenures map[int64]*tenure
	turns   []*message // in the order in which they were shown first
}

func (j *Judge) group(id int64) *group {
	if j.groups[id] == nil {
		j.groups[id] = &group{tenures: make(map[int64]*tenure)}
	}
	return j.groups[id]
}

func (g *group) tenure(user int64) *tenure {
	if g.tenures[user] == nil {
		g.tenures[user] = new(tenure)
	}
	return g.tenures[user]
}

// count returns the times at which the user requested changes of a kind (Join or Leave).
// It also returns how many entries of that kind were shown.
func (t *tenure) count(change string) (asked []int64, shown int) {
	for _, a := range t.asks {
		if a.change == change {
			asked = append(asked, a.asked)
		}
	}
	for _, turn := range t.turns {
		if turn.change == change {
			shown++
		}
	}
	return asked, shown
}

// ask records that a user requests to join or to leave, or got the answer that it is
// done.
func (j *Judge) ask(r Record) {
	t := j.group(r.Group).tenure(r.User)
	switch r.Kind {
	case Asked:
		t.asks = append(t.asks, ask{change: r.Change, asked: r.Time})
	case Done:
		n := len(t.asks)
		if n > 0 && t.asks[n-1].change == r.Change {
			t.asks[n-1].told = r.Time
			return
		}
		j.verdict.violate("invented", "%d was told of a %s of group %d without having asked", r.User, r.Change, r.Group)
	}
}

// showTurn records a joining or leaving that was shown.
func (j *Judge) showTurn(reader *reader, r Record) {
	m := j.messages[key{r.From, r.ID}]
	if m == nil && r.At != nil {
		m = j.newTurn(r)
	}
	if m == nil || m.change != r.Change || m.group != r.Group || r.Text != "" {
		j.verdict.violate("invented", "%v was shown %s of %d as a %s", reader, r.ID, r.From, r.Change)
		return
	}
	j.shownTo(reader, m, r)
}

// newTurn returns a message that stands for the entry of a joining or leaving. The entry
// was stored between the request and its first showing. So the message counts as sent at
// the time of the request, and as accepted at the time of the showing. The entries may be
// shown in another order than the requests were made. So newTurn assigns the times of all
// requests anew, in the order of the entries' numbers.
func (j *Judge) newTurn(r Record) *message {
	g := j.group(r.Group)
	t := g.tenure(r.From)
	asked, known := t.count(r.Change)
	at := r.Time // the entry of a new group may be shown before its creator learns the group's id
	if known < len(asked) {
		at = asked[known]
	}
	m := &message{
		key: key{r.From, r.ID}, group: r.Group, change: r.Change,
		sent: at, accepted: r.Time, joined: len(j.readers),
	}
	j.messages[m.key] = m
	g.turns = append(g.turns, m)
	t.turns = append(t.turns, turn{m, *r.At})
	slices.SortStableFunc(t.turns, func(a, b turn) int {
		if a.place.Epoch != b.place.Epoch {
			return 0
		}
		return cmp.Compare(a.place.Number, b.place.Number)
	})
	for _, turn := range t.turns {
		if turn.change == r.Change && len(asked) > 0 {
			turn.sent, asked = asked[0], asked[1:]
		}
	}
	return m
}

// belongs reports whether the user was a member at the place of m in the group's log. If
// possible, the user's own calls decide. The user is a member if their joining was
// confirmed before m was sent, and if they requested to leave only after m was accepted.
// While the user waited for an answer, the log decides.
func (j *Judge) belongs(user int64, m *message) bool {
	t := j.group(m.group).tenures[user]
	if t == nil {
		return false
	}
	if m.change == "" {
		if member, sure := t.toldAt(m.sent, m.accepted); sure {
			return member
		}
	}
	return slices.ContainsFunc(j.placesOf(m), t.standsAt)
}

// placesOf returns the places at which a group's message was shown, and the place in the
// answer to its sender. A message that was sent twice may be in the log twice.
func (j *Judge) placesOf(m *message) []Place {
	var list []Place
	if place, known := j.groupView(m.group).places[m.key]; known {
		list = append(list, place)
	}
	if m.told != nil && m.told.Log == m.group {
		list = append(list, *m.told)
	}
	return list
}

// toldAt judges whether the user was a member from when a message was sent until it was
// accepted. It uses the answers to the user's calls. The parameter accepted is zero while
// the message may still be accepted. The result sure is false if the user waited for an
// answer then.
func (t *tenure) toldAt(sent, accepted int64) (member, sure bool) {
	if accepted == 0 {
		accepted = math.MaxInt64
	}
	since := int64(math.MinInt64)
	for _, a := range t.asks {
		if accepted < a.asked {
			break
		}
		if a.told == 0 {
			return false, false
		}
		member, since = a.change == Join, a.told
	}
	return member, sent > since
}

// standsAt reports whether the user is a member at the place, according to the log. A
// membership lasts from the entry by which the user joined to the entry by which the user
// left.
func (t *tenure) standsAt(place Place) bool {
	member := false
	for _, turn := range t.turns {
		if turn.place.Epoch != place.Epoch || turn.place.Number > place.Number {
			continue
		}
		member = turn.change == Join || turn.place.Number == place.Number
	}
	return member
}

// endOf returns the number of the entry that ended the membership to which the place
// belongs. It returns false if none is known.
func (t *tenure) endOf(place Place) (int64, bool) {
	for _, turn := range t.turns {
		if turn.change == Leave && turn.place.Epoch == place.Epoch && turn.place.Number >= place.Number {
			return turn.place.Number, true
		}
	}
	return 0, false
}

// excused reports whether a device may miss m because its user has left meanwhile.
// Besides, the device must have been without a connection, or the user must have joined
// again. The store knows only the latest membership. So a device that starts again may
// miss the entries of an earlier membership. But there must be no gap. If a device was
// shown an entry of a membership, it must have all earlier entries of that membership.
func (j *Judge) excused(reader *reader, m *message) bool {
	t := j.group(m.group).tenures[reader.user]
	leave := slices.IndexFunc(t.asks, func(a ask) bool { return a.change == Leave && (a.told == 0 || a.told >= m.sent) })
	if leave < 0 {
		return false
	}
	again := slices.ContainsFunc(t.asks[leave:], func(a ask) bool { return a.change == Join })
	if reader.away < m.sent && !again {
		return j.unheard(reader, m)
	}
	view := j.groupView(m.group)
	places := j.placesOf(m)
	if len(places) == 0 {
		return true
	}
	place := places[0]
	end, ended := t.endOf(place)
	return !slices.ContainsFunc(reader.shown, func(s showing) bool {
		at := view.places[s.key]
		return s.group == m.group && at.Epoch == place.Epoch && at.Number > place.Number && ended && at.Number <= end
	})
}

// members returns the devices that must be shown a group's message.
func (j *Judge) members(m *message) []*reader {
	var list []*reader
	for user := range j.group(m.group).tenures {
		if !j.shaky(m.group, user) && j.belongs(user, m) {
			list = append(list, j.users[user]...)
		}
	}
	slices.SortFunc(list, func(a, b *reader) int { return cmp.Compare(a.place, b.place) })
	return list
}

// shaky reports whether a joining or leaving of the user may have been lost with a
// primary. Then nothing is judged about the user in this group.
func (j *Judge) shaky(group, user int64) bool {
	t := j.group(group).tenures[user]
	return t != nil && slices.ContainsFunc(t.asks, func(a ask) bool {
		return slices.ContainsFunc(j.failovers, func(f failover) bool {
			return a.asked <= f.at && (a.told == 0 || a.told >= f.at-f.tail)
		})
	})
}

func (j *Judge) groupView(id int64) *logView { return j.view(nil, id) }

// judgeGroups judges which devices were shown the messages of groups, and which users
// wrote there. This is possible only at the end, because a joining may be shown late.
func (v *Verdict) judgeGroups(j *Judge) {
	for _, reader := range j.readers {
		for _, m := range reader.shown {
			if !m.inGroup() || j.belongs(reader.user, m.message) || j.shaky(m.group, reader.user) || j.lostItsPlace(m.message) {
				continue
			}
			v.violate("stranger", "%v was shown %v, which was written while %d was no member", reader, m.message, reader.user)
		}
	}
	for _, m := range j.order {
		if !m.inGroup() || j.shaky(m.group, m.from) {
			continue
		}
		v.judgeSender(j, m)
	}
	for _, id := range slices.Sorted(maps.Keys(j.groups)) {
		tenures := j.groups[id].tenures
		for _, user := range slices.Sorted(maps.Keys(tenures)) {
			if j.shaky(id, user) {
				continue
			}
			v.judgeTenure(id, user, tenures[user])
		}
	}
}

// judgeSender judges whether the message was accepted or refused as the membership of its
// sender requires.
func (v *Verdict) judgeSender(j *Judge, m *message) {
	if m.accepted != 0 {
		places := j.placesOf(m)
		if len(places) == 0 {
			v.violate("lost", "%v was accepted without a place in the log", m)
		} else if !j.belongs(m.from, m) && !j.lostItsPlace(m) {
			v.violate("stranger", "%v was accepted, and %d was no member", m, m.from)
		}
		return
	}
	if !m.turnedAway {
		return
	}
	t := j.group(m.group).tenure(m.from)
	if member, sure := t.toldAt(m.sent, m.answered); sure && member {
		v.violate("turned away", "%v was refused, and %d was a member", m, m.from)
	}
}

// judgeTenure judges a user's joinings and leavings. They must be those that were
// requested. If all of them were shown, they must also alternate.
func (v *Verdict) judgeTenure(group, user int64, t *tenure) {
	for _, change := range []string{Join, Leave} {
		if asked, shown := t.count(change); shown > len(asked) {
			v.violate("invented", "in group %d a %s of %d was shown %d times, and asked for %d times", group, change, user, shown, len(asked))
		}
	}
	if len(t.turns) != len(t.asks) {
		return
	}
	for i, turn := range t.turns {
		if (turn.change == Join) != (i%2 == 0) {
			v.violate("disagree", "in group %d a %s of %d stands at %v, and changed nothing", group, turn.change, user, turn.place)
		}
	}
}
