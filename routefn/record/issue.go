package record

import (
	"cmp"
	"context"
	"fmt"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/pass"
	"github.com/cim-go/cim/routefn/record/rows"
)

// IssueNumber issues the next session number for a login of a device. The number is above
// all earlier numbers of the user, for any device. It is at least the store's clock in
// ms. The number displaces no session until it is opened, and the caller need not use it.
// The error is ErrNoUser for a user without an account, and ErrVoid if q.Pass is void.
func (s *Store) IssueNumber(ctx context.Context, q Issuing) (Issued, error) {
	issued, errs := s.IssueNumbers(ctx, []Issuing{q})
	return issued[0], errs[0]
}

// args returns the arguments of issue.lua about the login. It leaves out a network with
// characters that would break a line of the list of logins.
func (q *Login) args() []any {
	if q == nil {
		return []any{false, "", false, loginsKept}
	}
	network := q.Network
	if op.CheckNames(network) != nil {
		network = ""
	}
	return []any{true, network, q.Refreshes, loginsKept}
}

// IssueNumbers does what IssueNumber does for each element of list, in one pipeline. Both
// results have one element for each element of list.
func (s *Store) IssueNumbers(ctx context.Context, list []Issuing) ([]Issued, []error) {
	issued, errs := make([]Issued, len(list)), make([]error, len(list))
	var logs []logref.Ref
	var ops []*op.Op
	var of []int
	var settling []*op.Op
	for i, q := range list {
		if errs[i] = op.CheckNames(q.Device); errs[i] != nil {
			continue
		}
		l := logref.Ref{User: q.User}
		logs = append(logs, l)
		args := append(append([]any{q.Device}, q.Pass.Args()...), q.Login.args()...)
		ops = append(ops, l.HashScript(issueScript, args...))
		of = append(of, i)
		settling = append(settling, q.Shown.SettleOps(true)...)
	}
	s.onLogsBy(ctx, func(ctx context.Context, name string, ops ...*op.Op) {
		s.Run(ctx, name, append(ops, settling...)...)
		settling = nil // once
	}, "issue", logs, ops, true)
	for j, o := range ops {
		if errs[of[j]] = cmp.Or(o.Err, pass.RefusalOf(o)); errs[of[j]] != nil {
			continue
		}
		issued[of[j]] = Issued{
			Number:   op.Integer(o.Reply[1]),
			Live:     rows.ParseSession(op.Text(o.Reply[2])),
			LastNode: op.Text(o.Reply[3]),
			Time:     op.Integer(o.Reply[4]),
		}
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("issue number to %d: %w", list[i].User, err)
		}
	}
	return issued, errs
}
