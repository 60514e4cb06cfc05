package record

import (
	"cmp"
	"context"
	"fmt"
)

// IssueNumber takes the next session number for a login of user's device. It is
// above every number the user was given, on any device, not below the store's clock in
// ms, and displaces nothing by itself. A number that is never used costs nobody
// anything. It returns ErrNoUser for a user without an account, and ErrVoid for a
// Pass that does not count.
func (s *Store) IssueNumber(ctx context.Context, q Issuing) (Issued, error) {
	issued, errs := s.IssueNumbers(ctx, []Issuing{q})
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
		ops = append(ops, l.hashScript(issueScript, append([]any{q.Device}, q.Pass.args()...)...))
		of = append(of, i)
	}
	s.onLogs(ctx, "issue", logs, ops)
	for j, o := range ops {
		if errs[of[j]] = cmp.Or(o.err, refusalOf(o)); errs[of[j]] != nil {
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
