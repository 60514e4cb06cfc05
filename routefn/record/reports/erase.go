package reports

import (
	"context"
	"fmt"

	"github.com/cim-go/cim/routefn/record/op"
)

// Erase removes a user from all reports that the user has filed, and removes the reports
// that nobody else has filed. Reports about messages that the user wrote stay. The error
// is op.ErrUnavailable or op.ErrUnknown. Repeating it is harmless.
func (r *Reports) Erase(ctx context.Context, user int64) error {
	key := userKey(user)
	read := op.Read(key, []any{"zrange", key, 0, -1})
	r.db.Run(ctx, "erase", read)
	if read.Err != nil {
		return fmt.Errorf("reports of %d: %w", user, read.Err)
	}
	ids, _ := read.Reply[0].([]any)
	if len(ids) == 0 {
		return nil
	}
	o := &op.Op{Key: openKey, Script: forgetScript, Keys: []string{openKey, key}, Args: []any{user}, Write: true}
	for _, id := range ids {
		o.Keys, o.Args = append(o.Keys, reportKey(op.Text(id))), append(o.Args, id)
	}
	if r.db.Accept(ctx, "erase", o); o.Err != nil {
		return fmt.Errorf("reports of %d: %w", user, o.Err)
	}
	return nil
}
