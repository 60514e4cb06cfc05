package failure

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

func TestOutageIsToldOnceAMinute(t *testing.T) {
	var o Log
	begun := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	left := fmt.Errorf("%w: %w", record.ErrUnavailable, context.Canceled)
	for i, step := range []struct {
		after time.Duration
		code  proto.Code
		err   error
		want  bool
	}{
		{0, proto.Invalid, record.ErrInvalid, false},
		{0, proto.Unavailable, left, false},
		{0, proto.Unavailable, record.ErrUnavailable, true},
		{0, proto.Unknown, record.ErrUnknown, false},
		{time.Minute - 1, proto.Unavailable, record.ErrUnavailable, false},
		{time.Minute, proto.Unknown, record.ErrUnknown, true},
		{time.Minute, proto.Unknown, record.ErrUnknown, false},
	} {
		if got := o.Due(step.code, step.err, begun.Add(step.after)); got != step.want {
			t.Errorf("step %d: due is %v", i, got)
		}
	}
}
