package ledger

import "slices"

// show records a showing, and judges everything about it that later records cannot
// change.
func (j *Judge) show(r Record) {
	j.verdict.Shown++
	reader := j.devices[device{r.User, r.Device}]
	if reader == nil {
		j.verdict.violate("stranger", "%d/%s was shown %s before it joined", r.User, r.Device, r.ID)
		return
	}
	if r.Change != "" {
		j.showTurn(reader, r)
		return
	}
	if reader.cim != nil {
		j.showCIM(reader, r)
		return
	}
	m := j.find(r.From, r.ID, r.Text)
	if m == nil || m.change != "" || m.text != r.Text || m.to != r.To || m.group != r.Group {
		j.verdict.violate("invented", "%v was shown %s of %d, %q, which was not sent so", reader, r.ID, r.From, clip(r.Text))
		return
	}
	if !m.isFor(reader) {
		j.verdict.violate("stranger", "%v was shown %v", reader, m)
		return
	}
	j.shownTo(reader, m, r)
}

// shownTo records that the device was shown m.
func (j *Judge) shownTo(reader *reader, m *message, r Record) {
	if reader.seen[m.key] == reader.life {
		j.verdict.violate("twice", "%v was shown %v again, at %v", reader, m, r.At)
		return
	}
	again := reader.seen[m.key] > 0
	if again {
		j.verdict.Again++
	}
	if !again {
		m.showTo(r.Time)
		reader.when[m.key] = r.Time
	}
	reader.seen[m.key] = reader.life
	reader.shown = append(reader.shown, showing{m, r.Time, r.Process, reader.life, again})
	j.showAt(reader, m, r.At, again)
}

// showAt judges the order of the log, and whether all devices see the same log.
func (j *Judge) showAt(reader *reader, m *message, at *Place, again bool) {
	if at == nil || at.Log != m.group {
		j.verdict.violate("disagree", "%v was shown %v at %v, which is not in its log", reader, m, at)
		return
	}
	j.judgeStep(reader, m, *at)
	view := j.view(reader, at.Log)
	if k, taken := view.at[*at]; taken && k != m.key {
		if other := j.messages[k]; !j.mayReplace(other, m) && !j.mayReplace(m, other) {
			j.verdict.violate("disagree", "%v was shown %v at %v, where another device was shown %s", reader, m, at, other.id)
		}
	}
	view.at[*at] = m.key
	if again {
		return // the message may be in the log twice, and this is the second place
	}
	if place, known := view.places[m.key]; known && place != *at && !j.mayBeLost(m) {
		j.moves = append(j.moves, move{reader, m, place, *at})
	}
	view.places[m.key] = *at
}

// judgeStep compares the place of a message with the places of the log that the device was
// shown before. Then it adds the place to the device's trail.
func (j *Judge) judgeStep(reader *reader, m *message, at Place) {
	trail := reader.trail[at.Log]
	var last Place
	if len(trail) > 0 {
		last = trail[len(trail)-1].at
	}
	switch {
	case last.Epoch == at.Epoch && at.Number <= last.Number && !j.rewind(reader, m, at):
		j.verdict.violate("log order", "%v was shown %v at %v, behind %v", reader, m, at, last)
	case slices.Contains(reader.ended[at.Log], at.Epoch):
		j.verdict.violate("log order", "%v was shown %v at %v, of an epoch it had left", reader, m, at)
	case last.Epoch != "" && last.Epoch != at.Epoch:
		reader.ended[at.Log] = append(reader.ended[at.Log], last.Epoch)
	}
	reader.trail[at.Log] = append(reader.trail[at.Log], standing{m, at})
}

// view returns what is known about a log that the reader reads, which is its inbox or a
// group's log.
func (j *Judge) view(reader *reader, group int64) *logView {
	l := logOf(reader, group)
	if j.logs[l] == nil {
		j.logs[l] = newLogView()
	}
	return j.logs[l]
}

func logOf(reader *reader, group int64) log {
	if group == 0 {
		return log{owner: reader.user}
	}
	return log{group: group}
}

// judgeTurns judges whether a device was shown the messages of a sender in their order. If
// a message was accepted before a second one was sent, the second must not come first.
func (v *Verdict) judgeTurns(reader *reader) {
	latest := make(map[stream]*message) // of the shown messages, the one that was sent last
	life := 1
	for _, m := range reader.shown {
		if m.change != "" || m.delay > 0 {
			continue
		}
		if m.life != life {
			clear(latest)
			life = m.life
		}
		s := stream{device{m.from, m.device}, m.to, m.group}
		ahead := latest[s]
		if ahead == nil || m.first > ahead.first {
			latest[s] = m.message
		}
		if ahead != nil && m.accepted != 0 && m.before <= ahead.first {
			v.violate("sender order", "%v was shown %v behind %v", reader, m.message, ahead)
		}
	}
}

// judgeAnswers compares the messages that a device was shown with the answers to their
// senders.
func (v *Verdict) judgeAnswers(j *Judge, reader *reader) {
	for _, m := range reader.shown {
		if m.delay > 0 {
			v.judgeDelayed(j, reader, m)
		}
		if m.refused && !j.goneBefore(reader, m.message) {
			v.violate("refused", "%v was shown %v, which its sender was told was not sent", reader, m.message)
		}
		if m.sentBy(reader) && m.process == m.message.process && m.accepted != 0 && !m.doubt {
			v.violate("echo", "%v was shown its own %v", reader, m.message)
		}
	}
}
