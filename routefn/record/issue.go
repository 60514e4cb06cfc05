package record

import (
	"context"
	"fmt"
)

// IssueNumber takes the next session number for a login of user's device. It is
// above every number the user was given, on any device, and displaces nothing
// by itself. A number that is never used costs nobody anything. It returns
// ErrNoUser for a user without an account.
func (s *Store) IssueNumber(ctx context.Context, user int64, device string) (Issued, error) {
	issued, errs := s.IssueNumbers(ctx, []Issuing{{User: user, Device: device}})
	return issued[0], errs[0]
}

// IssueNumbers is IssueNumber for many, in one pipeline. Both answers have one
// element for each of list.
func (s *Store) IssueNumbers(ctx context.Context, list []Issuing) ([]Issued, []error) {
	issued, errs := make([]Issued, len(list)), make([]error, len(list))
	var logs []logRef
	var ops []*op
	var of []int
	for i, q := range list {
		if errs[i] = checkNames(q.Device); errs[i] != nil {
			continue
		}
		l := logRef{user: q.User}
		logs = append(logs, l)
		ops = append(ops, l.hashScript(issueScript, q.Device))
		of = append(of, i)
	}
	s.onLogs(ctx, "issue", logs, ops)
	for j, o := range ops {
		if errs[of[j]] = o.err; o.err != nil {
			continue
		}
		issued[of[j]] = Issued{
			Number:   integer(o.reply[1]),
			Live:     parseSession(text(o.reply[2])),
			LastNode: text(o.reply[3]),
		}
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("issue number to %d: %w", list[i].User, err)
		}
	}
	return issued, errs
}
