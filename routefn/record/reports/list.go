package reports

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
)

// Report is a message that users have reported.
type Report struct {
	ID         string
	Number     int64         // orders reports by their age: the time of the first Statement, in ms by the store's clock, or a little more
	Message    proto.Message // as the log had it, without its position
	Statements []Statement   // why users report it, the oldest first

	version  string
	decision string // empty: the report is open
}

// Statement is why a user reports a message.
type Statement struct {
	User   int64
	Time   int64 // ms by the store's clock
	Reason string
	Note   string
}

// List returns open reports, the oldest first. The parameter limit is the most reports.
// Each of them has a number above the one in the parameter after. If there are more
// reports, next is the number of the last one in the list. If not, next is zero. The
// result total is how many reports are open. List takes two round trips. The error is
// op.ErrUnavailable.
func (r *Reports) List(ctx context.Context, after int64, limit int) (list []Report, next, total int64, err error) {
	now, err := r.db.Time(ctx)
	if err != nil {
		return nil, 0, 0, err
	}
	oldest := now - Life.Milliseconds()
	o := op.Read(openKey,
		[]any{"zrangebyscore", openKey, "(" + strconv.FormatInt(max(after, oldest), 10), "+inf", "withscores", "limit", 0, limit + 1},
		[]any{"zcard", openKey}, []any{"zrangebyscore", openKey, "-inf", oldest})
	r.db.Run(ctx, "reports", o)
	if o.Err != nil {
		return nil, 0, 0, fmt.Errorf("list reports: %w", o.Err)
	}
	page := op.ScoredList(o.Reply[0])
	if len(page) > limit {
		page = page[:limit]
		next = int64(page[limit-1].Score)
	}
	expired, _ := o.Reply[2].([]any)
	list, err = r.read(ctx, page)
	return list, next, op.Integer(o.Reply[1]) - int64(len(expired)), err
}

// Of does what List does, for the open reports of one user, and has no result total. Each
// report has only that user's own statement.
func (r *Reports) Of(ctx context.Context, user, after int64, limit int) (list []Report, next int64, err error) {
	key := userKey(user)
	o := op.Read(key, []any{"zrangebyscore", key, "(" + strconv.FormatInt(after, 10), "+inf", "withscores", "limit", 0, limit + 1})
	r.db.Run(ctx, "reports", o)
	if o.Err != nil {
		return nil, 0, fmt.Errorf("list reports of %d: %w", user, o.Err)
	}
	page := op.ScoredList(o.Reply[0])
	if len(page) > limit {
		page = page[:limit]
		next = int64(page[limit-1].Score)
	}
	list, err = r.read(ctx, page)
	for i := range list {
		list[i].Statements = slices.DeleteFunc(list[i].Statements, func(s Statement) bool { return s.User != user })
	}
	list = slices.DeleteFunc(list, func(one Report) bool { return len(one.Statements) == 0 })
	return list, next, err
}

// read reads reports. It leaves out those that were closed meanwhile.
func (r *Reports) read(ctx context.Context, page []op.Scored) ([]Report, error) {
	ops := make([]*op.Op, len(page))
	for i, m := range page {
		ops[i] = op.Read(reportKey(m.Member), []any{"hgetall", reportKey(m.Member)})
	}
	r.db.Run(ctx, "reports", ops...)
	var list []Report
	for i, o := range ops {
		if o.Err != nil {
			return nil, fmt.Errorf("read reports: %w", o.Err)
		}
		one, err := parse(page[i].Member, o.Reply[0])
		if err != nil {
			return nil, err
		}
		if one.version != "" && one.decision == "" {
			list = append(list, one)
		}
	}
	return list, nil
}

// parse reads the hash of a report. If there is no such report, its version is empty.
func parse(id string, reply any) (Report, error) {
	one := Report{ID: id}
	for field, value := range fields(reply) {
		switch {
		case field == "number":
			one.Number = op.Integer(value)
		case field == "version":
			one.version = value
		case field == "decision":
			one.decision = value
		case field == "entry":
			key, entry, err := proto.SplitStored([]byte(value))
			if err == nil {
				one.Message, err = (&proto.Stored{Key: key, Entry: entry}).Message()
			}
			if err != nil {
				return one, fmt.Errorf("report %s: %w", id, err)
			}
		case strings.HasPrefix(field, userField):
			if f := strings.SplitN(value, "\t", 3); len(f) == 3 {
				one.Statements = append(one.Statements, Statement{op.Integer(field[len(userField):]), op.Integer(f[0]), f[1], f[2]})
			}
		}
	}
	slices.SortFunc(one.Statements, func(a, b Statement) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.User, b.User))
	})
	return one, nil
}

// fields reads an answer to HGETALL.
func fields(reply any) map[string]string {
	all := make(map[string]string)
	list, _ := reply.([]any)
	for pair := range slices.Chunk(list, 2) {
		if len(pair) == 2 {
			all[op.Text(pair[0])] = op.Text(pair[1])
		}
	}
	return all
}
