package user

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/record"
)

// maxScheduledPage is the largest number of messages in a page. Each message may have a
// text of the largest size.
const maxScheduledPage = 100

// Scheduled is GET /v1/scheduled. It returns a page of the caller's delayed messages
// that were not sent yet. The first page also has the messages that were dropped.
func (u *Requests) Scheduled(ctx context.Context, caller token.Token, q url.Values) (*proto.ScheduledAnswer, error) {
	after, limit, err := parseScheduledPage(q)
	if err != nil {
		return nil, err
	}
	list, more, err := u.cfg.Store.Scheduled(ctx, caller.User, after, limit)
	if err != nil {
		return nil, err
	}
	answer := &proto.ScheduledAnswer{Messages: make([]proto.Scheduled, len(list))} // never null in JSON
	for i, d := range list {
		answer.Messages[i] = proto.Scheduled{ID: d.ID, State: d.State, Due: d.Due, To: d.To, Group: d.Group, Text: d.Text}
	}
	if more != (record.ScheduledAt{}) {
		answer.Next = fmt.Sprintf("%d:%s", more.Due, more.ID)
	}
	if after != (record.ScheduledAt{}) {
		return answer, nil
	}
	dropped, err := u.cfg.Store.Dropped(ctx, caller.User)
	for _, d := range dropped {
		answer.Dropped = append(answer.Dropped, proto.Scheduled{ID: d.ID, State: proto.StateDropped, Due: d.Time, Code: d.Code})
	}
	return answer, err
}

func parseScheduledPage(q url.Values) (after record.ScheduledAt, limit int, err error) {
	limit = maxScheduledPage
	if s := q.Get("after"); s != "" {
		due, id, _ := strings.Cut(s, ":")
		after.ID = id
		if after.Due, err = proto.ParseNumber(due); err != nil || after.Due < 0 || !proto.ValidID(id) {
			return after, 0, check.Invalid("The value of after is not one that a page returned as next.")
		}
	}
	if s := q.Get("limit"); s != "" {
		if limit, err = strconv.Atoi(s); err != nil || limit < 1 || limit > maxScheduledPage {
			return after, 0, check.Invalid("A page has 1 to 100 messages.")
		}
	}
	return after, limit, nil
}
