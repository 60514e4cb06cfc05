package ledger

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// The kinds of messages.
const (
	Private    = "private"
	Grouped    = "group"
	ToEveryone = "everyone"
	Delayed    = "delayed"
)

// kinds are the kinds of messages in the order in which a verdict lists them.
var kinds = []string{Private, Grouped, ToEveryone, Delayed}

// Traffic has the outcomes of the messages of one kind. A delayed message counts as
// accepted when it is scheduled. Its delivery takes from its due time until it is shown.
type Traffic struct {
	Sent, Accepted, Refused, Unknown int     // by the last answers to their senders
	Settled                          int     // sent again after the outcome was unknown, and then answered
	Shown                            int     // showings to devices, without repetitions
	Deliveries                       []int64 // us from accepted to shown, ascending
}

func (m *message) kind() string {
	switch {
	case m.delay > 0:
		return Delayed
	case m.private():
		return Private
	case m.inGroup():
		return Grouped
	default:
		return ToEveryone
	}
}

// tally counts all messages by kind.
func (v *Verdict) tally(j *Judge) {
	by := make(map[string]*Traffic, len(kinds))
	for _, kind := range kinds {
		by[kind] = new(Traffic)
	}
	for _, m := range j.order {
		t := by[m.kind()]
		t.Sent++
		switch {
		case m.accepted != 0:
			t.Accepted++
		case m.refused:
			t.Refused++
		default:
			t.Unknown++
		}
		if m.settled {
			t.Settled++
		}
	}
	for _, reader := range j.readers {
		for _, m := range reader.shown {
			if m.change != "" || m.again {
				continue
			}
			t := by[m.kind()]
			t.Shown++
			if took, ok := m.took(reader); ok {
				t.Deliveries = append(t.Deliveries, took)
			}
		}
	}
	v.Traffic = make(map[string]Traffic, len(kinds))
	for kind, t := range by {
		slices.Sort(t.Deliveries)
		v.Traffic[kind] = *t
	}
}

// took returns the time from when the message was accepted until it was shown, in us. It
// returns false if nothing was promised.
func (m showing) took(reader *reader) (us int64, ok bool) {
	if m.accepted == 0 || m.again || m.change != "" || m.sentBy(reader) || reader.place >= m.joined {
		return 0, false
	}
	return max(0, m.at-max(m.accepted, m.due())), true // the message may be shown before its sender gets the answer
}

// printTraffic writes a line for each kind of message.
func (v *Verdict) printTraffic(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "  \tsent\taccepted\trefused\tunknown\tsettled\tshown\tp50\tp99\t")
	for _, kind := range kinds {
		t := v.Traffic[kind]
		fmt.Fprintf(table, "  %s\t%d\t%d\t%d\t%d\t%d\t%d\t%v\t%v\t\n", kind, t.Sent, t.Accepted, t.Refused, t.Unknown,
			t.Settled, t.Shown, quantile(t.Deliveries, 50).Round(time.Millisecond/10), quantile(t.Deliveries, 99).Round(time.Millisecond))
	}
	return table.Flush()
}
