package ledger

import "cmp"

// takers has the functions that handle a record, by its kind. A record of a kind that is
// not in this map only advances the time.
var takers = map[Kind][]func(*Judge, Record){
	Begun:     {(*Judge).begin},
	LeftOut:   {(*Judge).leaveOut},
	Missed:    {(*Judge).miss},
	Joined:    {(*Judge).join},
	Sent:      {(*Judge).send},
	TakesBack: {(*Judge).takeBack},
	TakenBack: {(*Judge).takeBack},
	TooLate:   {(*Judge).takeBack},
	Accepted:  {(*Judge).answer},
	Unknown:   {(*Judge).answer},
	Refused:   {(*Judge).answer},
	Shown:     {(*Judge).show},
	Asked:     {(*Judge).ask},
	Done:      {(*Judge).ask},
	Away:      {(*Judge).interrupt},
	Back:      {(*Judge).interrupt},
	Forgot:    {(*Judge).interrupt},
	Pinged:    {(*Judge).proveCIM},
	Ended:     {(*Judge).proveCIM},
	Stands:    {(*Judge).stands},
	Broken:    {(*Judge).strike, (*Judge).isolate, (*Judge).skew, (*Judge).breakOff, (*Judge).lose},
	Healed:    {(*Judge).isolate, (*Judge).skew, (*Judge).strike},
	Trimmed:   {(*Judge).noteTrimmed},
	Stalled:   {(*Judge).stall},
	Marked:    {(*Judge).mark},
	LoggedIn:  {(*Judge).leave},
	LoggedOut: {(*Judge).leave},
	Tried:     {(*Judge).leave},
	Session:   {(*Judge).finally},
	Waits:     {(*Judge).finally},
	Cursor:    {(*Judge).finally},
	Intent:    {(*Judge).finally},
	Leased:    {(*Judge).finally},
	Process:   {(*Judge).hold},
	Functions: {(*Judge).noteFunctions},
	Quiet:     {(*Judge).calm},
	CutShort:  {(*Judge).cutOff},
	Stopped:   {(*Judge).stopClient},
}

// Hear handles the next record.
func (j *Judge) Hear(r Record) {
	for _, take := range takers[r.Kind] {
		take(j, r)
	}
	j.verdict.Lasted = r.Time
}

func (j *Judge) begin(r Record) {
	j.verdict.Run, j.verdict.Ack, j.verdict.Asked = r.Note, r.Ack, r.Faults
	j.keep = r.Keep
}

func (j *Judge) leaveOut(r Record) { j.verdict.LeftOut[r.Fault] = r.Note }

func (j *Judge) miss(r Record) { j.verdict.Missed[r.Fault] = r.Note }

func (j *Judge) mark(r Record) {
	j.marks = append(j.marks, mark{device{r.User, r.Device}, r.ID, r.To, r.Time})
}

func (j *Judge) hold(r Record) { j.held = append(j.held, *r.Held) }

func (j *Judge) noteFunctions(r Record) { j.verdict.Function = r.Function }

func (j *Judge) cutOff(r Record) { j.cut = cmp.Or(r.Note, "it does not say why") }

func (j *Judge) stopClient(r Record) {
	j.verdict.violate("stopped", "%d/%s: %s", r.User, r.Device, r.Note)
}

// breakOff counts a fault that began, and records whether it may delay messages.
func (j *Judge) breakOff(r Record) {
	j.upheld = j.upheld || holds(r.Fault)
	j.verdict.Faults[r.Fault]++
}

// calm records that everything is healed, so that each message must have an answer.
func (j *Judge) calm(r Record) {
	j.quiet = r.Time
	for _, m := range j.order {
		if m.waiting > 0 {
			j.verdict.violate("stuck", "%v, sent at %v, has no answer", m, micros(m.sent))
		}
	}
}
