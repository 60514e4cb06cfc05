package compat

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/body"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/failure"
)

// Refused makes the node write a line to the sender's connection, with the reason why a
// message was refused for good. The line is stored nowhere and comes at most once. A
// sender without a connection gets only the code. Refused looks up the sender's session
// in the store, which an accepted message does not need. It returns the error.
func (c *Requests) Refused(ctx context.Context, q MessageRequest, err error) error {
	if failure.MayRetry(err) {
		return err
	}
	failed := c.cfg.Codes.Of(err)
	if failed.Code.Retry() != proto.RetryNever || !check.ValidUser(q.UserID) {
		return failed
	}
	live, err := c.session(ctx, q.UserID)
	if err != nil {
		c.cfg.Log.Debug("sender does not learn why its message was refused", "user", q.UserID, "err", err)
	}
	if live == nil {
		return failed
	}
	out := c.cfg.Pusher.Begin()
	defer out.Send()
	out.Nudge(q.UserID, *live, q.notice(failed))
	return failed
}

// notice is the line that the sender reads. It names the message, because the sender may
// have sent several.
func (q MessageRequest) notice(why *proto.Error) string {
	var b strings.Builder
	b.WriteString("Your message")
	if q.ReceiveUserID != 0 {
		b.WriteString(" to " + strconv.FormatInt(q.ReceiveUserID, 10))
	}
	if begin := beginning(q.texts()[0]); begin != "" {
		b.WriteString(" (" + begin + ")")
	}
	b.WriteString(" was not sent. " + why.Error())
	return b.String()
}

// mostBeginning is how many characters of a text the notice quotes.
const mostBeginning = 20

// beginning returns the first characters of a text, in one line.
func beginning(text string) string {
	cut := text
	n := 0
	for i := range text {
		if n++; n > mostBeginning {
			cut = text[:i] + "..."
			break
		}
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(cut, string(utf8.RuneError))), " ")
}

// mostUnread is how much of an oversized body is searched for its sender, in bytes.
const mostUnread = 4 << 20

// ReadMessage reads a message of CIM's. If it is too large, ReadMessage searches it for
// its sender and returns the sender with the error.
func (c *Requests) ReadMessage(w http.ResponseWriter, r *http.Request) (q MessageRequest, err error) {
	err = body.ReadLenient(w, r, c.cfg.MaxBody, &q)
	if errors.Is(err, proto.Err(proto.TooLarge, "")) {
		q.UserID = senderIn(io.LimitReader(r.Body, mostUnread))
	}
	return q, err
}

// senderField is the field of a body that names the sender. A quote inside a JSON string
// has a backslash before it, so no text matches.
var senderField = regexp.MustCompile(`"userId"\s{0,8}:\s{0,8}([0-9]{1,16})\s{0,8}[,}]`)

// senderLength is more than any match of senderField has, in bytes.
const senderLength = 64

// senderIn returns the sender of a body, or zero if it names none. It keeps no more than
// 32 KiB of it.
func senderIn(r io.Reader) int64 {
	part := make([]byte, 0, 32<<10)
	for {
		n, err := r.Read(part[len(part):cap(part)])
		part = part[:len(part)+n]
		if found := senderField.FindSubmatch(part); found != nil {
			user, _ := strconv.ParseInt(string(found[1]), 10, 64) // 16 digits always fit
			return user
		}
		if err != nil {
			return 0
		}
		if over := len(part) - senderLength; over > 0 {
			part = part[:copy(part, part[over:])]
		}
	}
}
