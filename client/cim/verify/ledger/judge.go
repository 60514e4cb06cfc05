package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Judge takes in the records of a ledger, in order, and knows at any time what is
// owed. The zero Judge is not usable, see NewJudge. It is for one goroutine at a
// time.
type Judge struct {
	messages  map[key]*message
	devices   map[device]*reader
	users     map[int64][]*reader
	readers   []*reader // in the order in which they joined; CIM clients left out
	cims      []*reader // the CIM clients
	sayings   map[saying]*message
	order     []*message
	logs      map[log]*logView
	groups    map[int64]*group
	audited   map[log]*logView // in the end
	upheld    bool             // something but the store broke, and may hold messages up
	spans     map[stream]int64 // messages sent so far
	alone     []alone
	skews     []skew
	moves     []move     // what was shown at two places
	quiet     int64      // us, when it was; zero: not yet
	cut       string     // why the run was cut short; empty: it was not
	failovers []failover // after which what was accepted may be gone
	hits      []hit
	stalls    []span
	marks     []mark
	trims     []trim
	loggedOut map[device]int64  // us, since when
	keep      int               // entries that logs keep at most; zero: enough
	early     map[device]Record // connections of devices that have not joined yet
	sessions  []Record          // that the store has in the end
	cursors   []Record          // the same, as are
	intents   []Record          // these
	leases    []Record          // and these
	held      []Held            // by the processes in the end
	verdict   Verdict
}

// key names a message, device who is shown it.
type key struct {
	from int64
	id   string
}

type device struct {
	user int64
	name string
}

// stream is what a sender's order holds in: a conversation, from one device.
type stream struct {
	from      device
	to, group int64
}

// log is a user's inbox (owner, 0) or a group (0, group).
type log struct{ owner, group int64 }

// message is what is known of one message.
type message struct {
	key
	device    string
	process   int // the latest that sent it
	to, group int64
	text      string
	delay     int64  // us; zero: it is sent at once
	change    string // Join or Leave: it is no message but an entry that says so

	sent      int64 // us, the first time
	accepted  int64 // us; zero: it was not
	refused   bool  // the last try was, and none before it is in doubt
	doubt     bool  // a try had no answer
	retracted bool  // its sender takes it back, and was not told that he is too late
	cancelled bool  // he was told that it is
	takesBack int64 // us, when he asked for it
	takenBack int64 // us, when he was told
	settled   bool  // and a later one had
	answered  int64 // us, the last time
	told      *Place

	turnedAway bool  // a try was refused because its sender is no member
	waiting    int   // tries whose sender still waits
	first      int64 // number among the stream's, of the first try
	before     int64 // of its stream, what has this number or a higher one stands behind it
	joined     int   // devices that had joined when it was sent
	named      bool  // it was sent without an id, and has one now
	copied     bool  // and there is another message made of it
	copy       bool  // it is that other message
	shown      int   // devices that were shown it
}

// reader is a device that messages are shown to.
type reader struct {
	device
	place   int // among those who joined
	shown   []showing
	seen    map[key]int   // the life in which it was shown last
	when    map[key]int64 // us, when it was shown first
	life    int           // begins anew when what was kept is lost
	away    int64         // us, until when it had no connection last; far ahead: it has none
	left    int64         // us, when it lost its connection last
	offline []span        // when it had none before
	visits  []visit
	trail   map[int64][]standing // what stands in each log, as far as it was shown it
	ended   map[int64][]string   // epochs that were left, by log
	cim     *cimView             // nil: it is no CIM client
}

// showing is a message that was shown to a device for the first time.
type showing struct {
	*message
	at      int64 // us
	process int
	life    int
	again   bool // in a later life
}

// logView is what the devices that read a log told of it.
type logView struct {
	at     map[Place]key
	places map[key]Place
}

func newLogView() *logView {
	return &logView{at: make(map[Place]key), places: make(map[key]Place)}
}

// NewJudge returns a judge who has heard nothing.
func NewJudge() *Judge {
	return &Judge{
		messages: make(map[key]*message), devices: make(map[device]*reader), users: make(map[int64][]*reader),
		sayings: make(map[saying]*message), logs: make(map[log]*logView), groups: make(map[int64]*group),
		audited: make(map[log]*logView), loggedOut: make(map[device]int64), early: make(map[device]Record), spans: make(map[stream]int64),
		verdict: Verdict{Kinds: make(map[string]int), Faults: make(map[string]int), LeftOut: make(map[string]string), Missed: make(map[string]string)},
	}
}

// Hear takes in the next record.
func (j *Judge) Hear(r Record) {
	switch r.Kind {
	case Begun:
		j.verdict.Run, j.verdict.Ack, j.verdict.Asked = r.Note, r.Ack, r.Faults
		j.keep = r.Keep
	case LeftOut:
		j.verdict.LeftOut[r.Fault] = r.Note
	case Missed:
		j.verdict.Missed[r.Fault] = r.Note
	case Joined:
		j.join(r)
	case Sent:
		j.send(r)
	case TakesBack, TakenBack, TooLate:
		j.takeBack(r)
	case Accepted, Unknown, Refused:
		j.answer(r)
	case Shown:
		j.show(r)
	case Asked, Done:
		j.ask(r)
	case Away, Back, Forgot:
		j.interrupt(r)
	case Stands:
		j.stands(r)
	case Healed:
		j.isolate(r)
		j.skew(r)
		j.strike(r)
	case Broken:
		j.strike(r)
		j.isolate(r)
		j.skew(r)
		j.upheld = j.upheld || holds(r.Fault)
		j.verdict.Faults[r.Fault]++
		j.lose(r)
	case Trimmed:
		j.noteTrimmed(r)
	case Stalled:
		j.stall(r)
	case Marked:
		j.marks = append(j.marks, mark{device{r.User, r.Device}, r.ID, r.To, r.Time})
	case LoggedIn, LoggedOut, Tried:
		j.leave(r)
	case Session, Waits, Cursor, Intent, Leased:
		j.finally(r)
	case Process:
		j.held = append(j.held, *r.Held)
	case Functions:
		j.verdict.Function = r.Function
	case Quiet:
		j.quiet = r.Time
		for _, m := range j.order {
			if m.waiting > 0 {
				j.verdict.violate("stuck", "%v, sent at %v, has no answer", m, micros(m.sent))
			}
		}
	case CutShort:
		j.cut = cmp.Or(r.Note, "it does not say why")
	case Stopped:
		j.verdict.violate("stopped", "%d/%s: %s", r.User, r.Device, r.Note)
	}
	j.verdict.Lasted = r.Time
}

func (j *Judge) join(r Record) {
	d := device{r.User, r.Device}
	if j.devices[d] != nil {
		return
	}
	reader := &reader{
		device: d, place: len(j.readers), seen: make(map[key]int), when: make(map[key]int64), life: 1,
		trail: make(map[int64][]standing), ended: make(map[int64][]string),
	}
	j.devices[d] = reader
	if back, known := j.early[d]; known {
		reader.arrive(back.Time, back.Node)
	}
	if r.CIM {
		j.joinCIM(reader, r.Time)
		return
	}
	j.readers = append(j.readers, reader)
	j.users[r.User] = append(j.users[r.User], reader)
}

// interrupt takes in that a device's connection broke or came back, or that it
// lost what it had kept.
func (j *Judge) interrupt(r Record) {
	d := device{r.User, r.Device}
	reader := j.devices[d]
	if reader == nil {
		if r.Kind == Back {
			j.early[d] = r // its joined record is still to come
		}
		return
	}
	switch r.Kind {
	case Away:
		if j.quiet == 0 { // then all go home
			reader.leave(r.Time)
		}
	case Back:
		reader.arrive(r.Time, r.Node)
	case Forgot:
		reader.life++
		clear(reader.trail)
		clear(reader.ended)
	}
}

// leave notes that the device has no connection.
func (r *reader) leave(at int64) {
	if r.away != math.MaxInt64 {
		r.left, r.away = at, math.MaxInt64
	}
	if n := len(r.visits); n > 0 && r.visits[n-1].to == math.MaxInt64 {
		r.visits[n-1].to = at
	}
}

// arrive notes that the device is connected to a node, from another or from none.
func (r *reader) arrive(at int64, node string) {
	if r.away == math.MaxInt64 {
		r.offline = append(r.offline, span{r.left, at})
	}
	r.leave(at)
	r.away = at
	r.visits = append(r.visits, visit{node, span{at, math.MaxInt64}})
}

func (j *Judge) send(r Record) {
	s := stream{device{r.User, r.Device}, r.To, r.Group}
	k := key{r.User, r.ID}
	m := j.messages[k]
	if m == nil {
		m = &message{
			key: k, device: r.Device, to: r.To, group: r.Group, text: r.Text, delay: r.Delay,
			sent: r.Time, first: j.spans[s], joined: len(j.readers),
		}
		j.messages[k] = m
		j.order = append(j.order, m)
		if said := (saying{m.from, m.text}); j.sayings[said] == nil {
			j.sayings[said] = m
		}
	}
	j.spans[s]++
	m.waiting++
	m.process, m.before, m.refused = r.Process, j.spans[s], false
}

func (j *Judge) answer(r Record) {
	m := j.messages[key{r.User, r.ID}]
	if m == nil {
		j.verdict.violate("invented", "%s of %d was answered and never sent", r.ID, r.User)
		return
	}
	m.waiting--
	m.answered = r.Time
	switch r.Kind {
	case Accepted:
		m.told = r.At
		if m.accepted == 0 {
			m.accepted, m.settled = r.Time, m.doubt
		}
		if m.doubt { // the try without an answer may be the one that was stored, until now
			m.before = j.spans[stream{device{m.from, m.device}, m.to, m.group}]
		}
	case Unknown:
		m.doubt = true
	case Refused:
		m.refused = m.accepted == 0 && !m.doubt
		m.turnedAway = m.turnedAway || r.Code == NotMember
	}
}

// owed calls each with every message that a device was to be shown and was not,
// and reports why it is owed.
func (j *Judge) owed(each func(reader *reader, m *message, accepted bool)) {
	owe := func(m *message) {
		for _, reader := range j.audience(m) {
			if reader.seen[m.key] > 0 || m.sentBy(reader) || reader.place >= m.joined {
				continue
			}
			if m.inGroup() && j.excused(reader, m) {
				continue
			}
			if m.promised() {
				each(reader, m, true)
			} else if j.seenInLog(reader, m) {
				each(reader, m, false)
			}
		}
	}
	for _, m := range j.order {
		owe(m)
	}
	j.owedCIM(each)
	for _, g := range j.groups {
		for _, m := range g.turns {
			owe(m)
		}
	}
}

// seenInLog reports whether m was shown to another device that reads the same
// log: then it stands there.
func (j *Judge) seenInLog(reader *reader, m *message) bool {
	_, seen := j.view(reader, m.group).places[m.key]
	return seen
}

// audience are the devices that m is for, the one that sent it among them.
func (j *Judge) audience(m *message) []*reader {
	if m.inGroup() {
		return j.members(m)
	}
	if m.group == Everyone {
		return j.readers
	}
	if m.to == m.from {
		return j.users[m.to]
	}
	return slices.Concat(j.users[m.to], j.users[m.from])
}

// Owed returns how often a message that was accepted, or was shown to another
// device of the same log, is still to be shown; and how often one of which nobody
// can say so, because it may have been lost with a primary.
func (j *Judge) Owed() (owed, perhaps int) {
	j.owed(func(_ *reader, m *message, _ bool) {
		if j.mayBeLost(m) || j.adrift(m) {
			perhaps++
		} else {
			owed++
		}
	})
	return owed, perhaps
}

// Waiting returns how many messages have senders who wait for an answer.
func (j *Judge) Waiting() int {
	n := 0
	for _, m := range j.order {
		if m.waiting > 0 {
			n++
		}
	}
	return n
}

// Verdict judges what was heard so far. It may be called again, after more.
func (j *Judge) Verdict() Verdict {
	v := j.verdict
	v.Kinds, v.Examples = maps.Clone(v.Kinds), slices.Clone(v.Examples)
	v.Devices, v.Users, v.Sent = len(j.readers), len(j.users), len(j.order)
	for _, m := range j.order {
		switch {
		case m.accepted != 0:
			v.Accepted++
			v.Sends = append(v.Sends, m.accepted-m.sent)
		case m.refused:
			v.Refused++
		default:
			v.Unknown++
		}
	}
	v.NotPlayed, v.CutShort = j.notPlayed(), j.cutShort()
	lost, adrift := make(map[*message]bool), make(map[*message]bool)
	j.owed(func(reader *reader, m *message, accepted bool) {
		if j.quiet == 0 {
			v.Unsettled++
			return
		}
		if j.takeLost(&v, lost, m) || j.takeAdrift(&v, adrift, m) || j.pending(m) {
			return
		}
		if accepted {
			v.violate("lost", "%v was not shown %v, accepted at %v", reader, m, micros(m.accepted))
		} else {
			v.violate("disagree", "%v was not shown %v, another device of the same log was", reader, m)
		}
	})
	for _, reader := range j.readers {
		v.judgeTurns(reader)
		v.judgeAnswers(j, reader)
		v.judgeDelayedOrder(j, reader)
		v.judgeTimes(j, reader)
		v.judgePauses(j, reader)
		v.measure(reader)
	}
	for _, reader := range j.cims {
		v.judgeTurns(reader)
		v.judgeAnswers(j, reader)
		v.judgeDelayedOrder(j, reader)
		v.judgeTimes(j, reader)
		v.judgeCIM(j, reader)
	}
	j.judgeLogs(&v)
	v.judgeMoves(j)
	v.judgeTold(j)
	v.judgeAlone(j)
	v.judgeGroups(j)
	v.judgeJoinings(j)
	v.judgeMarks(j)
	v.judgeNowhere(j)
	v.judgeTrimmed(j)
	v.judgeProcesses(j)
	v.judgeSessions(j)
	v.judgeCursors(j)
	v.judgeIntents(j)
	v.judgeLeases(j)
	v.tally(j)
	slices.Sort(v.Sends)
	slices.Sort(v.Deliveries)
	return v
}

// measure notes how long accepted messages took to be shown to a device.
func (v *Verdict) measure(reader *reader) {
	for _, m := range reader.shown {
		took, ok := m.took(reader)
		if !ok {
			continue
		}
		v.Deliveries = append(v.Deliveries, took)
		if took > v.Longest {
			v.Longest, v.LongestTo = took, reader.String()
		}
	}
}

// isFor reports whether m may be for the device. Of a group's message only the end
// tells, see judgeGroups.
func (m *message) isFor(r *reader) bool {
	return m.group != 0 || r.user == m.to || r.user == m.from
}

func (m *message) private() bool { return m.group == 0 }

// inGroup reports whether m is for the members of a group, not for everyone.
func (m *message) inGroup() bool { return m.group != 0 && m.group != Everyone }

// sentBy reports whether the device need not be shown m because it sent it. A
// delayed message it only left with the servers.
func (m *message) sentBy(r *reader) bool {
	return m.from == r.user && m.device == r.name && m.delay == 0
}

// String names the message, its sender and its receiver.
func (m *message) String() string {
	to := "everyone"
	switch {
	case m.change != "":
		return fmt.Sprintf("the %s of %d in group %d", m.change, m.from, m.group)
	case m.inGroup():
		to = fmt.Sprintf("group %d", m.group)
	case m.private():
		to = fmt.Sprint(m.to)
	}
	return fmt.Sprintf("%s of %d/%s to %s", m.id, m.from, m.device, to)
}

// String names the device.
func (d device) String() string { return fmt.Sprintf("%d/%s", d.user, d.name) }

func clip(text string) string { return text[:min(len(text), 40)] }
