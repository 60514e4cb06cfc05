package delayed

import (
	"context"
	"fmt"

	"github.com/cim-go/cim/proto"
)

// Erase removes all delayed messages of a user, also those that are being sent. It also
// removes the records of how earlier ones ended. The errors are op.ErrUnavailable and
// op.ErrUnknown. Repeating it is harmless.
func (s *Messages) Erase(ctx context.Context, user int64) error {
	o := ShardOf(user).script(eraseScript, user, proto.Key(user, ""))
	if s.db.Accept(ctx, "erase", o); o.Err != nil {
		return fmt.Errorf("erase delayed messages of %d: %w", user, o.Err)
	}
	return nil
}
