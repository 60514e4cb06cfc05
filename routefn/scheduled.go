package routefn

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/routefn/record"
)

// maxScheduledPage bounds a page, whose messages may each have a text of the
// largest size.
const maxScheduledPage = 100

// Scheduled serves GET /v1/scheduled: a page of the caller's delayed messages that
// were not sent yet, and with the first page those that will never be.
func (rt *Route) Scheduled(w http.ResponseWriter, r *http.Request) {
	rt.serveCaller(w, r, "scheduled", func(ctx context.Context, caller token.Token) (any, error) {
		after, limit, err := parseScheduledPage(r.URL.Query())
		if err != nil {
			return nil, err
		}
		return rt.scheduled(ctx, caller.User, after, limit)
	})
}

func parseScheduledPage(q url.Values) (after record.ScheduledAt, limit int, err error) {
	limit = maxScheduledPage
	if s := q.Get("after"); s != "" {
		due, id, _ := strings.Cut(s, ":")
		after.ID = id
		if after.Due, err = strconv.ParseInt(due, 10, 64); err != nil || after.Due < 0 || !proto.ValidID(id) {
			return after, 0, invalid("The place to begin after is not one that a page named.")
		}
	}
	if s := q.Get("limit"); s != "" {
		if limit, err = strconv.Atoi(s); err != nil || limit < 1 || limit > maxScheduledPage {
			return after, 0, invalid("A page has 1 to 100 messages.")
		}
	}
	return after, limit, nil
}

func (rt *Route) scheduled(ctx context.Context, user int64, after record.ScheduledAt, limit int) (*proto.ScheduledAnswer, error) {
	list, more, err := rt.cfg.Store.Scheduled(ctx, user, after, limit)
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
	dropped, err := rt.cfg.Store.Dropped(ctx, user)
	for _, d := range dropped {
		answer.Dropped = append(answer.Dropped, proto.Scheduled{ID: d.ID, State: proto.StateDropped, Due: d.Time, Code: d.Code})
	}
	return answer, err
}
