package ledger

import "fmt"

// A CIM client receives the sender and the text of a message, but neither its id nor its
// place. The judge knows both from the text, which no sender sends twice, and from the
// logs. The client keeps nothing and acknowledges nothing. So each of its connections
// begins at a cursor that may lie behind the messages that the client was shown. The
// cursor must not lie further behind than is promised (cimread.go). A message that the
// client sends has no id until a device is shown that message.

// cimView has what only the reader of a CIM client needs. Such readers are not in
// Judge.readers, because their showings have no places and may be repeated.
type cimView struct {
	since  int64             // when it joined, us
	told   []showing         // everything that it was shown, with repetitions
	again  int               // how many of these were repetitions
	visits map[int]*cimVisit // its connections, by process
}

// saying has the parts of a message that a CIM client gets.
type saying struct {
	from int64
	text string
}

// joinCIM adds a CIM client.
func (j *Judge) joinCIM(reader *reader, at int64) {
	reader.place = len(j.readers) - 1 // it must be shown messages that are sent from now on
	reader.cim = &cimView{since: at, visits: make(map[int]*cimVisit)}
	if back, known := j.early[reader.device]; known {
		reader.cim.interrupt(back)
	}
	j.cims = append(j.cims, reader)
}

// find returns the message to which the given id belongs. A device was shown this id, or a
// log has it. A message that was sent without an id gets the first id that appears with
// its text. Each further id with this text is one more message. A proxy made that message
// by repeating the call.
func (j *Judge) find(from int64, id, text string) *message {
	k := key{from, id}
	if m := j.messages[k]; m != nil {
		return m
	}
	m := j.sayings[saying{from, text}]
	reader := (*reader)(nil)
	if m != nil {
		reader = j.devices[device{from, m.device}]
	}
	if reader == nil || reader.cim == nil {
		return nil
	}
	if !m.named {
		m.named = true
		j.messages[k] = m
		return m
	}
	if !j.upheld && !m.doubt {
		j.verdict.violate("doubled", "%v is another message under the id %s, too", m, id)
	}
	other := *m
	other.key, other.copies, other.copy = k, nil, true
	other.accepted, other.waiting, other.shown, other.told = 0, 0, 0, nil
	m.copies = append(m.copies, &other)
	j.messages[k] = &other
	j.order = append(j.order, &other)
	return &other
}

// isForCIM reports whether a CIM client should be shown the message. The client prints the
// messages of its own user by itself, so it is not shown them. It is not shown messages of
// groups either.
func (m *message) isForCIM(r *reader) bool {
	return (m.to == r.user || m.group == Everyone && m.from != r.user) && m.change == ""
}

// showCIM records a showing to a CIM client.
func (j *Judge) showCIM(reader *reader, r Record) {
	m := j.sayings[saying{r.From, r.Text}]
	switch {
	case m == nil:
		j.verdict.violate("invented", "%v was shown %q of %d, which was not sent", reader, clip(r.Text), r.From)
	case m.from == reader.user && m.to != reader.user:
		j.verdict.violate("echo", "%v was shown %v, which its user sent", reader, m)
	case !m.isForCIM(reader):
		j.verdict.violate("stranger", "%v was shown %v", reader, m)
	default:
		s := showing{m, r.Time, r.Process, reader.life, reader.seen[m.key] > 0}
		reader.cim.told = append(reader.cim.told, s)
		if s.again {
			reader.cim.again++
			return
		}
		reader.seen[m.key] = reader.life
		reader.when[m.key] = r.Time
		reader.shown = append(reader.shown, s)
		m.showTo(r.Time)
	}
}

// owedCIM calls the function each for every message that a CIM client should have been
// shown but was not.
func (j *Judge) owedCIM(each func(reader *reader, m *message, accepted bool)) {
	for _, reader := range j.cims {
		for _, m := range j.order {
			if reader.seen[m.key] > 0 || m.copy || m.sent < reader.cim.since || !m.isForCIM(reader) || j.passedOver(reader, m) {
				continue
			}
			if m.promised() {
				each(reader, m, true)
			} else if j.seenInLog(reader, m) {
				each(reader, m, false)
			}
		}
	}
}

// passedOver reports whether a CIM client may rightly miss the message. A full log drops
// entries that the client has not fetched yet, and no server reports this loss to the
// client.
func (j *Judge) passedOver(reader *reader, m *message) bool {
	audit := j.audited[logOf(reader, m.group)]
	return audit == nil && j.keep > 0 || audit != nil && j.full(audit)
}

// judgeCIM judges what a CIM client was shown on each of its connections. A connection
// must show no message twice, and each log in its order. It must not show messages that
// the client is known to have read on another connection. After a loss of the store, a log
// begins anew when its node notices the loss. Then there is nothing to judge.
func (v *Verdict) judgeCIM(j *Judge, reader *reader) {
	v.CIM++
	v.CIMShown += len(reader.cim.told)
	v.CIMAgain += reader.cim.again
	twice := j.standTwice()
	c := &cimJudge{
		Judge: j, verdict: v, reader: reader, read: v.readByCIM(j, reader),
		latest: make(map[*message]showing), seen: make(map[*message]bool), last: make(map[int64]*message),
	}
	for _, m := range reader.cim.told {
		c.connection(m.process)
		if j.anyLoss(m.at) || j.mayBeLost(m.message) || len(m.copies) > 0 || twice[m.key] {
			continue
		}
		c.judgeAgain(m)
		if c.judgeSeen(m) {
			c.judgeOrder(m)
		}
	}
}

// cimJudge judges the showings of one CIM client, in their order.
type cimJudge struct {
	*Judge
	verdict *Verdict
	reader  *reader
	read    map[int]int64        // time (us) up to which the client has read everything, by connection
	latest  map[*message]showing // the latest showing of a message, on any connection

	// On the current connection.
	process int
	seen    map[*message]bool
	last    map[int64]*message // by log
}

// connection records the connection of the next showing.
func (c *cimJudge) connection(process int) {
	if process != c.process {
		c.process = process
		clear(c.seen)
		clear(c.last)
	}
}

// judgeAgain judges a message that the client had read on another connection.
func (c *cimJudge) judgeAgain(m showing) {
	before, again := c.latest[m.message]
	c.latest[m.message] = m
	if again && before.process != m.process && before.at <= c.read[before.process] &&
		!c.forgetsBy(m.at) && !c.mayHaveStoodTwice(c.reader, m.message) {
		c.verdict.violate("twice", "%v was shown %v on connection %d, and again on connection %d, though it had read it at %v",
			c.reader, m.message, before.process, m.process, micros(before.at))
	}
}

// judgeSeen judges a repeated showing on one connection. It reports whether this is the
// first showing.
func (c *cimJudge) judgeSeen(m showing) bool {
	if !c.seen[m.message] {
		c.seen[m.message] = true
		return true
	}
	if !c.mayHaveStoodTwice(c.reader, m.message) {
		c.verdict.violate("twice", "%v was shown %v again, by one connection", c.reader, m.message)
	}
	return false
}

// judgeOrder judges whether the message comes after the previously shown one in its log.
func (c *cimJudge) judgeOrder(m showing) {
	place, known := c.finalPlace(c.reader, m.message)
	if !known {
		return
	}
	if ahead := c.last[m.group]; ahead != nil {
		before, _ := c.finalPlace(c.reader, ahead)
		if before.Epoch == place.Epoch && before.Number > place.Number {
			c.verdict.violate("log order", "%v was shown %v, which stands at %v, behind %v, at %v", c.reader, m.message, place, ahead, before)
			return
		}
	}
	c.last[m.group] = m.message
}

// finalPlace returns the place of a message in a log that the reader reads. If the logs
// were read at the end of the run, that is the message's place then. If not, it is the
// place at which another device was shown the message.
func (j *Judge) finalPlace(reader *reader, m *message) (Place, bool) {
	if audit := j.audited[logOf(reader, m.group)]; audit != nil {
		place, known := audit.places[m.key]
		return place, known
	}
	place, known := j.view(reader, m.group).places[m.key]
	return place, known
}

// standTwice returns the messages that are in a log more than once. A client that sees no
// ids shows such a message once for each time that the log has it.
func (j *Judge) standTwice() map[key]bool {
	twice := make(map[key]bool)
	for _, audit := range j.audited {
		for place, k := range audit.at {
			if audit.places[k] != place {
				twice[k] = true
			}
		}
	}
	return twice
}

// mayHaveStoodTwice reports whether the message may have been in its log twice. That is
// possible if the logs were not read at the end, or have dropped old entries.
func (j *Judge) mayHaveStoodTwice(reader *reader, m *message) bool {
	audit := j.audited[logOf(reader, m.group)]
	if audit != nil {
		return j.full(audit)
	}
	return j.upheld || m.doubt
}

// cimRow returns a line about the showings to CIM clients.
func (v *Verdict) cimRow() string {
	return fmt.Sprintf("%d, shown %d times, %d of them again behind %d reconnects, of which %d were judged by pings, %d by ends in order and %d by kills of nodes",
		v.CIM, v.CIMShown, v.CIMAgain, v.CIMReconnects, v.CIMByPings, v.CIMByEnds, v.CIMByKills)
}
