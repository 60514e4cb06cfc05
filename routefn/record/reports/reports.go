package reports

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
)

const (
	// Life is how long a report without a decision is kept. It is also how long a
	// decision is kept.
	Life = 30 * 24 * time.Hour
	// MostOpen is how many reports may be open.
	MostOpen = 2000
	// MostOfUser is how many open reports may have the same user as a reporter. So it takes
	// 50 accounts to fill the queue.
	MostOfUser = 40
	// MostReporters is how many users are noted for one message. Reports of further users
	// change nothing.
	MostReporters = 50
)

var (
	// ErrFull is returned for a new report while MostOpen others are open.
	ErrFull = errors.New("queue of reports is full")
	// ErrTooMany is returned for a report of a user who is noted in MostOfUser open ones.
	ErrTooMany = errors.New("user has too many open reports")
	// ErrNoReport is returned for a report that does not exist or no longer exists.
	ErrNoReport = errors.New("no such report")
	// ErrDecided is returned if another moderator has decided about the report, or the
	// same one has made another decision.
	ErrDecided = errors.New("report was decided")
	// ErrNoMessage is returned if the message does not exist or the user may not read it.
	ErrNoMessage = errors.New("no such message")
)

//go:embed lua/*.lua
var folder embed.FS

var (
	lua          = op.Library{folder, op.Lua}
	fileScript   = lua.Load("clock", "file")
	decideScript = lua.Load("clock", "decide")
	forgetScript = lua.Load("forget")
)

// Reports are the reports of all users. They are safe for concurrent use.
type Reports struct{ db *op.DB }

// New returns the reports in the store of db.
func New(db *op.DB) *Reports { return &Reports{db} }

const openKey = "cim:{reports}:open"

func reportKey(id string) string { return "cim:{reports}:r:" + id }

func userKey(user int64) string { return "cim:{reports}:u:" + strconv.FormatInt(user, 10) }

// userField is the beginning of the fields of a report that say who reports, and why.
const userField = "u:"

// idOf returns the id of the report about one message in one log. The log is the inbox of
// the user, or the log of a group. The id is a hash, because clients can choose the key
// of a message.
func idOf(user int64, at proto.Position) string {
	log := "g" + strconv.FormatInt(at.Log, 10)
	if at.Log == proto.Inbox {
		log = strconv.FormatInt(user, 10)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d %s", log, at.Epoch, at.Number, at.Key))
	return hex.EncodeToString(sum[:12])
}

// validID reports whether a text has the form of the ids that idOf returns.
func validID(id string) bool {
	b, err := hex.DecodeString(id)
	return err == nil && len(b) == 12 && hex.EncodeToString(b) == id
}
