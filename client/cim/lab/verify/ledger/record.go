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

// Kind is what a record tells.
type Kind string

// The kinds of records.
const (
	Begun     Kind = "begun"      // the run: Note has its command line; the first record
	LeftOut   Kind = "left out"   // a fault that was asked for and cannot happen here: Fault, Note says why
	Missed    Kind = "missed"     // a fault was to happen and did not: Fault, Note says why
	Joined    Kind = "joined"     // from here on, User's Device is shown what is for it
	Sent      Kind = "sent"       // about to be sent by User's Device in its process Process
	Accepted  Kind = "accepted"   // its sender was told so
	Unknown   Kind = "unknown"    // its sender gave up without an answer
	Refused   Kind = "refused"    // its sender was told that it is in no log: Note says why
	TakesBack Kind = "takes back" // User is about to cancel the delayed message ID
	TakenBack Kind = "taken back" // User was told that it will not be sent
	TooLate   Kind = "too late"   // User was told that it is being sent
	Shown     Kind = "shown"      // to User's Device in its process Process
	Broken    Kind = "broken"     // a fault began: Fault, Note says whom it hit
	Healed    Kind = "healed"     // it is over
	Asked     Kind = "asked"      // User is about to ask for a Change of the membership of Group
	Done      Kind = "done"       // User was told that it is done
	Away      Kind = "away"       // User's Device lost its connection, or its process ended
	Back      Kind = "back"       // it has one again
	Forgot    Kind = "forgot"     // User's Device lost what it had kept: it may be shown again what it was shown
	Trimmed   Kind = "trimmed"    // User's Device was told that entries of a log, from First to At, are gone that it never saw
	Marked    Kind = "marked"     // User's Device was told that message ID was shown to the user To
	LoggedIn  Kind = "logged in"  // User's Device has a token, or is about to get one
	LoggedOut Kind = "logged out" // it was told that the token is useless
	Tried     Kind = "tried"      // the token was shown again: Note says where and for what, Code what came of it
	Stalled   Kind = "stalled"    // nobody had time to do anything in the Lasted before this record
	Session   Kind = "session"    // the store has a live session of User's Device at Node in the end
	Cursor    Kind = "cursor"     // the store has that User's Device was shown a log up to At in the end
	Intent    Kind = "intent"     // the store has a Change of User's membership of Group under way in the end
	Leased    Kind = "leased"     // the store has that Node is pushed what goes to Group for Lasted more, negative: no more
	Waits     Kind = "waits"      // User's delayed message ID waits still in the end
	Process   Kind = "process"    // what a process of the cluster holds in the end: Held
	Stopped   Kind = "stopped"    // the client of User's Device gave up for good: Note says why
	Pinged    Kind = "pinged"     // the CIM client of User's Device was answered a ping on its connection Process, which it sent Lasted before
	Ended     Kind = "ended"      // the other side ended that connection, and the client had read everything
	Stands    Kind = "stands"     // in the end, in the log of a group or else in User's inbox
	Functions Kind = "functions"  // the route is a function, and Function is what became of it
	Quiet     Kind = "quiet"      // all is healed and everything owed is shown, or the wait for that is over
	CutShort  Kind = "cut short"  // the run ends before that: Note says why
)

// Everyone stands for the group of all users in Record.Group.
const Everyone int64 = 1

// NotMember is the Record.Code of a message that was refused because its sender does
// not belong to its group.
const NotMember = "not_member"

// Served is the Record.Code of a token that was accepted.
const Served = "served"

// Record is one line of a ledger. Which fields are set depends on the kind.
type Record struct {
	Kind     Kind     `json:"kind"`
	Time     int64    `json:"t"` // us since the run began
	User     int64    `json:"user,omitempty"`
	Device   string   `json:"device,omitempty"`
	Process  int      `json:"process,omitempty"` // counts the starts of the device's client
	ID       string   `json:"id,omitempty"`      // of the message, unique for its sender
	From     int64    `json:"from,omitempty"`    // its sender, when shown
	To       int64    `json:"to,omitempty"`      // its receiver, or
	Group    int64    `json:"group,omitempty"`   // its group: Everyone or another
	Text     string   `json:"text,omitempty"`
	Delay    int64    `json:"delay,omitempty"`  // us: it is to be sent so long after this record, and accepting it is scheduling it
	Change   string   `json:"change,omitempty"` // Join or Leave: of an entry that is shown and is no message, and of what was asked
	Code     string   `json:"code,omitempty"`   // why it was refused, in one word
	At       *Place   `json:"at,omitempty"`     // where it is shown, and where the sender was told that their own copy stands
	Fault    string   `json:"fault,omitempty"`
	Note     string   `json:"note,omitempty"`
	Faults   []string `json:"faults,omitempty"`   // of Begun: those that are to happen, by name
	Ack      string   `json:"ack,omitempty"`      // of Begun: AckReplica if "accepted" needs a replica
	Tail     int64    `json:"tail,omitempty"`     // us, of Broken: a primary of the store was lost, and of what it did so long before anything may be
	Empty    bool     `json:"empty,omitempty"`    // of Broken: the store lost everything
	Restored bool     `json:"restored,omitempty"` // of Broken: the messages of Tail are gone, even if replicas had them
	Alone    int64    `json:"alone,omitempty"`    // us, of Broken: so long no replica of the store hears the primary, unless it is healed before

	CIM      bool        `json:"cim,omitempty"`  // of Joined: it speaks CIM's wire, which tells it no ids and no places
	Over     bool        `json:"over,omitempty"` // of Broken: it ended at once, and no Healed follows
	Node     string      `json:"node,omitempty"` // of Back: which one it is connected to; empty: nobody knows
	First    int64       `json:"first,omitempty"`
	Lasted   int64       `json:"lasted,omitempty"` // us
	Keep     int         `json:"keep,omitempty"`   // of Begun: entries that logs keep at most; zero: more than are written
	Held     *Held       `json:"held,omitempty"`
	Function *faas.Stats `json:"function,omitempty"`
}

// AckReplica is the Ack of a run in which "accepted" means stored on a replica.
const AckReplica = "replica"

// Place is where an entry stands in the log that the device reads: its own
// user's inbox (Log zero) or a group's.
type Place struct {
	Log    int64  `json:"log"`
	Epoch  string `json:"epoch"`
	Number int64  `json:"number"`
}

// String returns the place as people write it.
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

// Create makes or empties the file at path. Hear is called with each record,
// after it was written and before the next; it must not call the Writer. The
// caller closes the Writer.
func Create(path string, hear func(Record)) (*Writer, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make ledger: %w", err)
	}
	return &Writer{begun: time.Now(), hear: hear, file: file, out: bufio.NewWriterSize(file, 256<<10)}, nil
}

// Write gives r its time and appends it. A failure is told by Close.
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

// maxLine is the longest line in bytes that is read: a message of the largest
// frame, each byte escaped as six.
const maxLine = 1 << 20

// Read calls each with every record of a ledger, in order. It fails at the first
// line that is not one and says which.
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
