package delayed

import (
	"context"
	"fmt"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
)

// End says how a message that was taken ended.
type End struct {
	User int64 // the sender
	ID   string
	Key  string
	Code proto.Code // OK: it was sent; otherwise the reason why it is dropped
}

// Finish removes messages that were taken, and records how they ended. The errors are
// op.ErrUnavailable and op.ErrUnknown; repeating is harmless.
func (s *Messages) Finish(ctx context.Context, list []End) []error {
	errs := make([]error, len(list))
	ops := make([]*op.Op, len(list))
	for i, e := range list {
		ops[i] = ShardOf(e.User).script(finishScript, e.User, e.Key, e.ID, int64(e.Code))
	}
	s.db.Run(ctx, "finish", ops...)
	for i, o := range ops {
		if o.Err != nil {
			errs[i] = fmt.Errorf("finish %s: %w", list[i].Key, o.Err)
		}
	}
	return errs
}
