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
	"github.com/cim-go/cim/routefn/record"
)

// Refused handles the error of a message. If the message is refused for good or because of
// a rate, CIM's clients do not send it again. Then the node writes a line with the reason
// to the sender's connection. The line is stored nowhere and comes at most once. A sender
// without a connection gets only the code of the answer. To find the connection, Refused
// reads the sender's session in the store. It returns the error for the answer.
func (c *Requests) Refused(ctx context.Context, q MessageRequest, err error) error {
	limited := errors.Is(err, record.ErrLimited)
	if failure.MayRetry(err) && !limited {
		return err
	}
	failed := c.cfg.Codes.Of(err)
	if failed.Code.Retry() != proto.RetryNever && !limited || !check.ValidUser(q.UserID) {
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

// notice returns the line that the sender reads, with the reason in the parameter why.
// It quotes the beginning of the message, because the sender may have sent several.
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

// mostBeginning is how many characters of a message the notice quotes at most.
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

// mostUnread bounds the part of an oversized body that is searched for the sender, in
// bytes.
const mostUnread = 4 << 20

// ReadMessage reads a message of a CIM client. If the message is too large, ReadMessage
// returns the error, and the result q has only the sender.
func (c *Requests) ReadMessage(w http.ResponseWriter, r *http.Request) (q MessageRequest, err error) {
	err = body.ReadLenient(w, r, c.cfg.MaxBody, &q)
	if errors.Is(err, proto.Err(proto.TooLarge, "")) {
		q.UserID = senderIn(io.LimitReader(r.Body, mostUnread))
	}
	return q, err
}

// senderField matches the field that names the sender in a body. It matches nothing
// within a text, because a quote in a JSON string has a backslash before it.
var senderField = regexp.MustCompile(`"userId"\s{0,8}:\s{0,8}([0-9]{1,16})\s{0,8}[,}]`)

// senderLength is above the length of every match of senderField, in bytes.
const senderLength = 64

// senderIn returns the sender that the body in r names, or zero if it names none. It keeps
// at most 32 KiB of the body in memory.
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
