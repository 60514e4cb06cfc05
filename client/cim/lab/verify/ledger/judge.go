package ledger

import (
	"maps"
	"slices"
)

// Judge reads the records of a ledger, in order, and knows at any time which messages
// must still be shown. The zero Judge is not usable, see NewJudge. It is for one
// goroutine at a time.
type Judge struct {
	messages  map[key]*message
	devices   map[device]*reader
	users     map[int64][]*reader
	readers   []*reader // in the order in which they joined, without CIM clients
	cims      []*reader // the CIM clients
	sayings   map[saying]*message
	order     []*message
	logs      map[log]*logView
	groups    map[int64]*group
	audited   map[log]*logView // logs, as they were read at the end
	upheld    bool             // something other than the store broke, which may delay messages
	spans     map[stream]int64 // how many messages were sent so far
	alone     []alone
	skews     []skew
	moves     []move     // messages that were shown at two places
	quiet     int64      // when everything was quiet, us; zero: not yet
	cut       string     // why the run was cut short; empty: it was not
	failovers []failover // losses of the store, after which accepted messages may be gone
	forgot    int64      // when the store first lost data or a primary, us; zero: never
	hits      []hit
	stalls    []span
	marks     []mark
	trims     []trim
	loggedIn  map[device]int64  // when it last logged in, us
	loggedOut map[device]span   // from when it may be logged out to when it got the answer
	keep      int               // the largest number of entries in a log; zero: never reached
	early     map[device]Record // latest connections of devices that have not joined yet
	sessions  []Record          // sessions in the store at the end
	cursors   []Record          // cursors in the store at the end
	intents   []Record          // unfinished changes in the store at the end
	leases    []Record          // leases in the store at the end
	held      []Held            // what the processes have at the end
	verdict   Verdict
}

// log is a user's inbox (owner, 0) or a group (0, group).
type log struct{ owner, group int64 }

// NewJudge returns a judge that has read no record.
func NewJudge() *Judge {
	return &Judge{
		messages: make(map[key]*message), devices: make(map[device]*reader), users: make(map[int64][]*reader),
		sayings: make(map[saying]*message), logs: make(map[log]*logView), groups: make(map[int64]*group),
		audited: make(map[log]*logView), loggedIn: make(map[device]int64), loggedOut: make(map[device]span), early: make(map[device]Record), spans: make(map[stream]int64),
		verdict: Verdict{Kinds: make(map[string]int), Faults: make(map[string]int), LeftOut: make(map[string]string), Missed: make(map[string]string)},
	}
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

// interrupt records that a device's connection broke or came back, or that the device
// lost its history.
func (j *Judge) interrupt(r Record) {
	d := device{r.User, r.Device}
	reader := j.devices[d]
	if reader == nil {
		if r.Kind == Back {
			j.early[d] = r // its joined record is still to come
		}
		return
	}
	if reader.cim != nil {
		reader.cim.interrupt(r)
	}
	switch r.Kind {
	case Away:
		if j.quiet == 0 { // after that, all devices disconnect
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
		if m.doubt { // until this answer, the try without an answer may have been the stored one
			m.before = j.spans[stream{device{m.from, m.device}, m.to, m.group}]
		}
	case Unknown:
		m.doubt = true
	case Refused:
		m.refused = m.accepted == 0 && !m.doubt
		m.turnedAway = m.turnedAway || r.Code == NotMember
	}
}

// owed calls the function each for every message that a device should have been shown but
// was not. If the message was not accepted, another device was shown it, so this device
// should have been shown it, too.
func (j *Judge) owed(each func(reader *reader, m *message, accepted bool)) {
	owe := func(m *message) {
		accepted := j.promisedAs(m)
		for _, reader := range j.lacking(m) {
			if accepted || j.seenInLog(reader, m) {
				each(reader, m, accepted)
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

// promisedAs reports whether m must be shown to all its receivers, under its id. If there
// are repetitions with other ids, the judge does not know which of the messages was
// accepted. Then it is enough if one of them was shown to all receivers.
func (j *Judge) promisedAs(m *message) bool {
	return m.promised() && !slices.ContainsFunc(m.copies, func(c *message) bool { return len(j.lacking(c)) == 0 })
}

// lacking returns the receivers of m that were not shown it.
func (j *Judge) lacking(m *message) (list []*reader) {
	for _, reader := range j.audience(m) {
		if reader.seen[m.key] > 0 || m.sentBy(reader) || reader.place >= m.joined {
			continue
		}
		if !m.inGroup() || !j.excused(reader, m) {
			list = append(list, reader)
		}
	}
	return list
}

// seenInLog reports whether m was shown to another device that reads the same log. If so,
// it is in the log.
func (j *Judge) seenInLog(reader *reader, m *message) bool {
	_, seen := j.view(reader, m.group).places[m.key]
	return seen
}

// audience returns the receivers of m, and the device that sent it.
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

// Owed returns how many showings are still missing. The result owed counts messages that
// were accepted, and messages that another device of the same log was shown. The second
// result counts messages that may have been lost with a primary.
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

// Verdict judges the records so far. It may be called again after more records.
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

// measure records how long it took until a device was shown accepted messages.
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
