package ledger

// markSlack is how much earlier than the record of the showing a delivery mark may come. A
// device acknowledges a message before the ledger records the showing.
const markSlack = 3_000_000 // us

// mark is a delivery mark: the report to a sender that a message was shown to a user.
type mark struct {
	sender device
	id     string
	to     int64
	at     int64 // us
}

// judgeMarks judges whether the messages with delivery marks were shown.
func (v *Verdict) judgeMarks(j *Judge) {
	v.Marks = len(j.marks)
	for _, k := range j.marks {
		m := j.messages[key{k.sender.user, k.id}]
		if m == nil || m.to != k.to || m.group != 0 {
			v.violate("mark", "%v was told that %s was shown to %d, which it never sent there", k.sender, k.id, k.to)
			continue
		}
		if first, shown := j.firstShown(m); !shown || first > k.at+markSlack {
			v.violate("mark", "%v was told at %v that %v was shown, which no device of that user was shown by then", k.sender, micros(k.at), m)
		}
	}
}

// firstShown returns when a private message was first shown to its receiver.
func (j *Judge) firstShown(m *message) (at int64, ok bool) {
	for _, reader := range j.users[m.to] {
		if shown, was := reader.when[m.key]; was && (!ok || shown < at) {
			at, ok = shown, true
		}
	}
	return at, ok
}
