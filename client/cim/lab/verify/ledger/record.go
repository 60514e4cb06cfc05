package ledger

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/cim-go/cim/client/cim/lab/faas"
)

// Kind is the kind of a record.
type Kind string

// The kinds of records.
const (
	Begun     Kind = "begun"      // the first record; Note has the command line of the run
	LeftOut   Kind = "left out"   // a requested fault cannot happen here: Fault; Note has the reason
	Missed    Kind = "missed"     // a planned fault did not happen: Fault; Note has the reason
	Joined    Kind = "joined"     // from here on, User's Device must be shown its messages
	Sent      Kind = "sent"       // User's Device is about to send a message, in its process Process
	Accepted  Kind = "accepted"   // the sender got the answer that it is accepted
	Unknown   Kind = "unknown"    // its sender gave up without an answer
	Refused   Kind = "refused"    // the sender got the answer that it is in no log; Note has the reason
	TakesBack Kind = "takes back" // User is about to cancel the delayed message ID
	TakenBack Kind = "taken back" // User got the answer that it will not be sent
	TooLate   Kind = "too late"   // User got the answer that it is too late to cancel
	Shown     Kind = "shown"      // User's Device was shown a message, in its process Process
	Broken    Kind = "broken"     // a fault began: Fault; Note has its target
	Healed    Kind = "healed"     // a fault is over
	Asked     Kind = "asked"      // User is about to request a Change of their membership of Group
	Done      Kind = "done"       // User got the answer that the Change is done
	Away      Kind = "away"       // User's Device lost its connection, or its process ended
	Back      Kind = "back"       // User's Device has a connection again
	Forgot    Kind = "forgot"     // User's Device lost its history, and may be shown the same messages again
	Trimmed   Kind = "trimmed"    // User's Device got the report that entries of a log, from First to At, are gone before it was shown them
	Marked    Kind = "marked"     // User's Device got a delivery mark: message ID was shown to the user To
	LoggedIn  Kind = "logged in"  // User's Device has a token, or is about to get one
	LoggedOut Kind = "logged out" // User's Device got the answer that it is logged out
	Tried     Kind = "tried"      // the token was used again; Note has the place and the purpose, and Code has the result
	Stalled   Kind = "stalled"    // the machine was too busy in the time Lasted before this record
	Session   Kind = "session"    // at the end, the store has a live session of User's Device at Node
	Cursor    Kind = "cursor"     // at the end, the store's cursor of User's Device in a log is At
	Intent    Kind = "intent"     // at the end, the store has an unfinished Change of User's membership of Group
	Leased    Kind = "leased"     // at the end, the store has a lease of Group for Node that lasts for Lasted; negative: it has ended
	Waits     Kind = "waits"      // at the end, User's delayed message ID still waits
	Process   Kind = "process"    // goroutines and memory of a process of the cluster at the end: Held
	Stopped   Kind = "stopped"    // the client of User's Device stopped for ever; Note has the reason
	Pinged    Kind = "pinged"     // the CIM client of User's Device got the answer to a ping that it sent Lasted before, on its connection Process
	Ended     Kind = "ended"      // the other side ended that connection, and the client had read everything
	Stands    Kind = "stands"     // at the end, this entry is in the log of Group, or in User's inbox if Group is zero
	Functions Kind = "functions"  // the route is a function, whose figures are in Function
	Quiet     Kind = "quiet"      // everything is healed and shown, or the wait for that is over
	CutShort  Kind = "cut short"  // the run ends before everything is quiet; Note has the reason
)

// Everyone stands for the group of all users in Record.Group.
const Everyone int64 = 1

// NotMember is the Record.Code of a message that was refused because its sender does
// not belong to its group.
const NotMember = "not_member"

// Served is the Record.Code of a token that was accepted.
const Served = "served"

// Record is one line of a ledger. Its kind decides which fields are set.
type Record struct {
	Kind     Kind     `json:"kind"`
	Time     int64    `json:"t"` // us since the run began
	User     int64    `json:"user,omitempty"`
	Device   string   `json:"device,omitempty"`
	Process  int      `json:"process,omitempty"` // counts the starts of the device's client
	ID       string   `json:"id,omitempty"`      // of the message, unique for its sender
	From     int64    `json:"from,omitempty"`    // the sender of a shown message
	To       int64    `json:"to,omitempty"`      // the receiver, or
	Group    int64    `json:"group,omitempty"`   // the group: Everyone or another one
	Text     string   `json:"text,omitempty"`
	Delay    int64    `json:"delay,omitempty"`  // how long after this record the message is to be sent, us; Accepted then means that it is scheduled
	Change   string   `json:"change,omitempty"` // Join or Leave, of a request, or of a shown entry that is no message
	Code     string   `json:"code,omitempty"`   // why it was refused, in one word
	At       *Place   `json:"at,omitempty"`     // the place of a shown message, or of the sender's own copy in an answer
	Fault    string   `json:"fault,omitempty"`
	Note     string   `json:"note,omitempty"`
	Faults   []string `json:"faults,omitempty"`   // of Begun: names of the requested faults
	Ack      string   `json:"ack,omitempty"`      // of Begun: AckReplica if "accepted" needs a replica
	Tail     int64    `json:"tail,omitempty"`     // of Broken: a primary was lost, and perhaps its writes in this time before the loss, us
	Empty    bool     `json:"empty,omitempty"`    // of Broken: the store lost everything
	Restored bool     `json:"restored,omitempty"` // of Broken: the messages of Tail are gone, even if replicas had them
	Alone    int64    `json:"alone,omitempty"`    // of Broken: for this time no replica gets anything from the primary, unless the fault is healed earlier, us

	CIM      bool        `json:"cim,omitempty"`  // of Joined: the device is a CIM client, which gets no ids and no places
	Over     bool        `json:"over,omitempty"` // of Broken: the fault ended at once, and no Healed follows
	Node     string      `json:"node,omitempty"` // of Back: the node to which it is connected; empty: not known
	First    int64       `json:"first,omitempty"`
	Lasted   int64       `json:"lasted,omitempty"` // us
	Keep     int         `json:"keep,omitempty"`   // of Begun: the largest number of entries in a log; zero: never reached
	Held     *Held       `json:"held,omitempty"`
	Function *faas.Stats `json:"function,omitempty"`
}

// AckReplica is the Ack of a run in which "accepted" means stored on a replica.
const AckReplica = "replica"

// Place is the place of an entry in a log that the device reads. Such a log is the inbox
// of the device's user (then Log is zero) or a group's log.
type Place struct {
	Log    int64  `json:"log"`
	Epoch  string `json:"epoch"`
	Number int64  `json:"number"`
}

// String returns the place in the form epoch/number.
func (p Place) String() string { return p.Epoch + "/" + strconv.FormatInt(p.Number, 10) }

// Writer writes a ledger. Its methods may be called concurrently; records stand
// in the order of the calls.
type Writer struct {
	begun time.Time
	hear  func(Record) // called for every record, in order

	mu   sync.Mutex
	file *os.File
	out  *bufio.Writer
	err  error // the first failure
}

// Create makes or empties the file at path. The Writer calls the function hear with each
// record, after it has written that record and before it writes the next record. That
// function must not call the Writer. The caller closes the Writer.
func Create(path string, hear func(Record)) (*Writer, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make ledger: %w", err)
	}
	return &Writer{begun: time.Now(), hear: hear, file: file, out: bufio.NewWriterSize(file, 256<<10)}, nil
}

// Write sets the time of r and appends r to the file. If it fails, Close returns the
// error.
func (w *Writer) Write(r Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.Time = time.Since(w.begun).Microseconds()
	line, err := json.Marshal(r)
	if err == nil {
		_, err = w.out.Write(append(line, '\n'))
	}
	w.err = errors.Join(w.err, err)
	w.hear(r)
}

// Close writes what is buffered and closes the file. It returns the first
// failure of any Write.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := errors.Join(w.err, w.out.Flush(), w.file.Close()); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

// maxLine is the longest line that is read, in bytes. A message of the largest frame fits
// in, even if JSON writes each of its bytes as six bytes.
const maxLine = 1 << 20

// Read calls the function each for every record of a ledger, in order. At the first line
// that is no record, it returns an error with the line's number.
func Read(r io.Reader, each func(Record)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	n := 0
	for lines.Scan() {
		n++
		var record Record
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			return fmt.Errorf("ledger line %d: %w", n, err)
		}
		each(record)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("ledger line %d: %w", n+1, err)
	}
	if n == 0 {
		return errors.New("the ledger is empty")
	}
	return nil
}
