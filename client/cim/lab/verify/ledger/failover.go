package ledger

import (
	"fmt"
	"math"
	"slices"
)

// failover is a loss of the store. Either a primary was lost, with everything that no
// replica had, or the store came back older or empty.
type failover struct {
	at    int64  // when it was gone, us
	tail  int64  // writes in this time before at may be lost, us
	empty bool   // everything was lost, and the logs have begun anew, in other epochs
	skews []skew // errors of the store's clock before that
}

// lose records that a primary, or the store's data, was lost. If replicas must have a
// message before it is accepted, nothing may be lost with the primary.
func (j *Judge) lose(r Record) {
	if j.forgot == 0 && (r.Empty || r.Restored || r.Tail > 0) {
		j.forgot = r.Time
	}
	switch {
	case r.Empty:
		j.verdict.Emptied++
		j.failovers = append(j.failovers, failover{r.Time, math.MaxInt64 / 2, true, slices.Clone(j.skews)})
	case r.Restored:
		j.verdict.SetBack++
		j.failovers = append(j.failovers, failover{r.Time, r.Tail, false, slices.Clone(j.skews)})
	case r.Tail > 0:
		j.verdict.Failovers++
		if j.verdict.Ack != AckReplica {
			j.failovers = append(j.failovers, failover{r.Time, r.Tail, false, slices.Clone(j.skews)})
		}
	}
}

// mayTake reports whether the message may have been on the lost primary alone. Then it was
// sent before the primary was gone. Its sender got the answer within the tail before the
// loss, or got none.
func (f failover) mayTake(m *message) bool {
	if m.delay > 0 && (m.due() <= f.at || f.early(m)) && m.dueLast()+firing >= f.at-f.tail {
		return true
	}
	return m.sent <= f.at && (m.accepted == 0 || m.accepted >= f.at-f.tail)
}

// early reports whether a delayed message may have been sent before its time. That is so
// if it may have been sent within the tail while the store's clock was ahead.
func (f failover) early(m *message) bool {
	return slices.ContainsFunc(f.skews, func(s skew) bool { return s.to == 0 || s.to+firing >= max(m.sent, f.at-f.tail) })
}

// mayFollow reports whether the message may have been stored after the failover. A user
// who repeats a lost joining or leaving does so under the same key.
func (f failover) mayFollow(m *message) bool {
	if m.change != "" && f.mayTake(m) {
		return true
	}
	if m.delay > 0 && m.accepted != 0 {
		return m.dueLast()+firing >= f.at
	}
	return m.accepted == 0 || m.accepted >= f.at
}

// mayBeLost reports whether the message may have been lost with a primary.
func (j *Judge) mayBeLost(m *message) bool {
	for _, f := range j.failovers {
		if f.mayTake(m) {
			return true
		}
	}
	return false
}

// lostItsPlace reports whether the group's message may have been lost with a primary, and
// is missing at its place in the log at the end. The numbers of lost entries are used
// again. So such a number does not show which users were members.
func (j *Judge) lostItsPlace(m *message) bool {
	if !j.mayBeLost(m) {
		return false
	}
	audit := j.audited[log{group: m.group}]
	return audit == nil || !slices.ContainsFunc(j.placesOf(m), func(at Place) bool { return audit.at[at] == m.key })
}

// goneBefore reports whether the message may have been stored and lost before its sender
// got a refusal. Then the store lost something between the first try and the refusal, and
// the log does not have the message in the end.
func (j *Judge) goneBefore(reader *reader, m *message) bool {
	if audit := j.audited[logOf(reader, m.group)]; audit != nil {
		if _, stands := audit.places[m.key]; stands {
			return false
		}
	}
	return slices.ContainsFunc(j.failovers, func(f failover) bool { return m.sent <= f.at && f.at <= m.answered })
}

// mayReplace reports whether b may have the place that a had before a failover.
func (j *Judge) mayReplace(a, b *message) bool {
	for _, f := range j.failovers {
		if !f.empty && f.mayTake(a) && f.mayFollow(b) {
			return true
		}
	}
	return false
}

// standing is a message and the place at which a device was shown it.
type standing struct {
	*message
	at Place
}

// rewind removes entries from the device's trail that a failover may have removed from the
// log. Those are all entries from the given place on, if m may stand there instead.
func (j *Judge) rewind(reader *reader, m *message, at Place) bool {
	trail := reader.trail[at.Log]
	n := len(trail)
	for n > 0 && trail[n-1].at.Epoch == at.Epoch && trail[n-1].at.Number >= at.Number {
		n--
		if !j.mayReplace(trail[n].message, m) {
			return false
		}
	}
	reader.trail[at.Log] = trail[:n]
	return true
}

// judgeLogs compares the logs that devices have at the end, without the entries that
// rewind has removed. All devices must have the same message at a place.
func (j *Judge) judgeLogs(v *Verdict) {
	type spot struct {
		log
		Place
	}
	final := make(map[spot]*message)
	logs := make(map[log]bool)
	for _, reader := range j.readers {
		for group, trail := range reader.trail {
			l := logOf(reader, group)
			logs[l] = true
			for _, s := range trail {
				at := spot{l, s.at}
				if other := final[at]; other != nil && other != s.message && !j.mayBeLost(other) && !j.mayBeLost(s.message) {
					v.violate("disagree", "at the end %v has %v at %v, another device has %s", reader, s.message, s.at, other.id)
				}
				final[at] = s.message
			}
		}
	}
	v.Logs = len(logs)
}

// takeLost reports whether the reader was not shown m because m was lost with a primary.
// If so, takeLost counts the loss.
func (j *Judge) takeLost(v *Verdict, lost map[*message]bool, m *message) bool {
	if !j.mayBeLost(m) {
		return false
	}
	if !lost[m] {
		lost[m] = true
		if m.accepted != 0 {
			v.LostWithPrimary++
		}
		if m.shown > 0 {
			v.LostSeen++
		}
	}
	return true
}

// lost returns a line about what was lost with primaries.
func (v *Verdict) lost() string {
	return fmt.Sprintf("%d of what was accepted, in %d failovers, %d times set back, %d times emptied; %d were shown to some",
		v.LostWithPrimary, v.Failovers, v.SetBack, v.Emptied, v.LostSeen)
}
