// Package audit writes a log of what happens to identities and rights. The log has
// registrations, logins, connections and refusals, with the address of the client, and
// changes of keys and groups. It is a structured log with a level and a sink of its
// own. It never has a text, a token or a password, because its callers name each field
// that it writes.
//
// The number of lines about refusals is bounded, because anybody can cause them. The next
// line that is written says how many were left out before it.
package audit

import (
	"context"
	"log/slog"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
)

// Names of attributes. Each line has the attribute Source, which distinguishes it from
// lines of the program's other log.
const (
	Source  = "log"      // always "audit"
	From    = "from"     // address of the client
	User    = "user"     // id
	Name    = "name"     // name of the account; after a refusal, as the client wrote it
	Device  = "device"   // device of the session
	Group   = "group"    // id
	By      = "by"       // id of the user who did it to the user in User
	Node    = "node"     // id
	Code    = "code"     // why something was refused or ended
	LeftOut = "left_out" // how many refusals before this line were not written
)

const (
	// refusalsPerSecond and refusalBurst bound the lines about refusals, to some 15 MB
	// per hour.
	refusalsPerSecond = 20
	refusalBurst      = 200
	// mostText bounds a value in bytes. A longer one is cut.
	mostText = 128
)

// Log is the audit log of a program. Make it with New. It is safe for concurrent use. A
// nil Log writes nothing.
type Log struct {
	logger *slog.Logger
	now    func() time.Time

	mu      sync.Mutex
	room    float64 // how many refusals may be written now
	at      time.Time
	leftOut int64
}

// New returns a Log that writes to h. Events have the level Info, and refusals the
// level Warn.
func New(h slog.Handler) *Log {
	return &Log{logger: slog.New(h).With(Source, "audit"), now: time.Now, room: refusalBurst}
}

// Event writes that something happened. The text what must be constant.
func (l *Log) Event(what string, attrs ...slog.Attr) {
	if l != nil {
		l.write(slog.LevelInfo, what, attrs)
	}
}

// Refused writes that something was refused, and why. It leaves the line out if there
// were too many refusals lately.
func (l *Log) Refused(what string, code proto.Code, attrs ...slog.Attr) {
	if l != nil && l.admit() {
		l.write(slog.LevelWarn, what+" refused", append(attrs, slog.String(Code, code.String())))
	}
}

// admit reports whether one more refusal may be written. If not, it counts the refusal
// as left out.
func (l *Log) admit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if !l.at.IsZero() {
		l.room = min(refusalBurst, l.room+now.Sub(l.at).Seconds()*refusalsPerSecond)
	}
	l.at = now
	if l.room < 1 {
		l.leftOut++
		return false
	}
	l.room--
	return true
}

func (l *Log) write(level slog.Level, what string, attrs []slog.Attr) {
	for i, a := range attrs {
		if a.Value.Kind() == slog.KindString {
			attrs[i].Value = slog.StringValue(cut(a.Value.String()))
		}
	}
	l.mu.Lock()
	if l.leftOut > 0 {
		attrs = append(attrs, slog.Int64(LeftOut, l.leftOut))
		l.leftOut = 0
	}
	l.mu.Unlock()
	l.logger.LogAttrs(context.Background(), level, what, attrs...)
}

// cut shortens a text to mostText bytes.
func cut(text string) string {
	if len(text) <= mostText {
		return text
	}
	end := mostText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}
