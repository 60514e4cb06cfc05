package record

import (
	"cmp"
	"context"
	"fmt"
)

// IssueNumber takes the next session number for a login of user's device. The number
// is above every number that the user got on any device, and not below the store's
// clock in ms. The number displaces nothing by itself, and need not be used.
// IssueNumber returns ErrNoUser for a user without an account, and ErrVoid for a Pass
// that is void.
func (s *Store) IssueNumber(ctx context.Context, q Issuing) (Issued, error) {
	issued, errs := s.IssueNumbers(ctx, []Issuing{q})
	return issued[0], errs[0]
}

// args are the arguments of issue.lua about a login. A network that would break a line of
// the list is left out.
func (q *Login) args() []any {
	if q == nil {
		return []any{false, "", loginsKept}
	}
	network := q.Network
	if checkNames(network) != nil {
		network = ""
	}
	return []any{true, network, loginsKept}
}

// IssueNumbers does what IssueNumber does for many, in one pipeline. Both results
// have one element for each of list.
func (s *Store) IssueNumbers(ctx context.Context, list []Issuing) ([]Issued, []error) {
	issued, errs := make([]Issued, len(list)), make([]error, len(list))
	var logs []logRef
	var ops []*op
	var of []int
	var settling []*op
	for i, q := range list {
		if errs[i] = checkNames(q.Device); errs[i] != nil {
			continue
		}
		l := logRef{user: q.User}
		logs = append(logs, l)
		args := append(append([]any{q.Device}, q.Pass.args()...), q.Login.args()...)
		ops = append(ops, l.hashScript(issueScript, args...))
		of = append(of, i)
		settling = append(settling, q.Shown.settle(true)...)
	}
	s.onLogsBy(ctx, func(ctx context.Context, name string, ops ...*op) {
		s.run(ctx, name, append(ops, settling...)...)
		settling = nil // once
	}, "issue", logs, ops, true)
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
